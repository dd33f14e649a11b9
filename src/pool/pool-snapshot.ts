import type { DcfError } from '../core/errors.js';
import type { SpawnedProcess } from '../process/spawn.js';
import { type Redactor, redactError } from './output/redaction.js';
import type { PoolReplica, PoolWorker, ReplicaPhase } from './replica/pool-events.js';
import type { Replica } from './replica/replica.js';
import type { Failure, ReplicaSet } from './replica/replica-set.js';
import type { Worker } from './replica/worker.js';

/** A worker that a pool can tell of. */
export type ShownWorker = PoolWorker & Pick<Worker, 'readiness' | 'calls' | 'running'>;

/** A replica that a pool can tell of. */
export interface ShownReplica extends PoolReplica, Pick<Replica, 'pid' | 'startedAt' | 'devices' | 'spawned'> {
  readonly workers: readonly ShownWorker[];
}

/** One worker at one point in time. */
export interface WorkerSnapshot {
  readonly index: number;
  /** Whether its Handler is built. */
  readonly ready: boolean;
  /** The execution providers of its Handler's sessions; empty before it is built. */
  readonly providers: readonly string[];
  /** How long its Handler took to be built, in milliseconds; 0 before. */
  readonly initMs: number;
  /** Whether its Handler takes several calls at once; `undefined` before it is built. */
  readonly callBatch: boolean | undefined;
  /** Calls that it has got since it was started. */
  readonly calls: number;
  /** Calls that it has now. */
  readonly running: number;
}

/** One replica at one point in time. */
export interface ReplicaSnapshot {
  readonly id: number;
  /** 0 before there is a process. */
  readonly pid: number;
  readonly phase: ReplicaPhase;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** The devices that it was given, as `CUDA_VISIBLE_DEVICES` counts them. */
  readonly devices: readonly string[];
  readonly running: number;
  readonly workers: readonly WorkerSnapshot[];
  /** `undefined` before there is one. */
  readonly process: SpawnedProcess | undefined;
}

/** A pool at one point in time, for descriptions and metrics. */
export interface PoolSnapshot {
  /** Replicas that should run. */
  readonly wanted: number;
  /** Replicas that are ready. */
  readonly ready: number;
  /** Why the last start of a replica failed; `undefined` after one succeeded. */
  readonly initError: DcfError | undefined;
  readonly lastFailure: Failure | undefined;
  readonly replicas: readonly ReplicaSnapshot[];
}

/** A pool as it is now. What made it fail is redacted. */
export function poolSnapshot(set: ReplicaSet<ShownReplica>, redactor: Redactor): PoolSnapshot {
  const { wanted, readyCount: ready, initError, lastFailure, replicas } = set;
  return {
    wanted,
    ready,
    initError: redactError(initError, redactor),
    lastFailure: lastFailure && { ...lastFailure, text: redactor.hide(lastFailure.text) },
    replicas: replicas.map(replicaSnapshot),
  };
}

function replicaSnapshot(replica: ShownReplica): ReplicaSnapshot {
  const { id, pid, phase, startedAt, devices, running, workers, spawned } = replica;
  return {
    id,
    pid,
    phase,
    startedAt,
    devices,
    running,
    process: spawned,
    workers: workers.map(({ index, readiness, calls, running: held }) => ({
      index,
      ready: readiness !== undefined,
      providers: readiness?.providers ?? [],
      initMs: readiness?.initMs ?? 0,
      callBatch: readiness?.callBatch,
      calls,
      running: held,
    })),
  };
}
