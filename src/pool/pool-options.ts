import type { Manifest } from '@dcf/sdk/manifest';
import type { CallFunction } from './calls/nested-call.js';
import type { LogLine } from './output/log-line.js';
import type { Redactor } from './output/redaction.js';
import type { ShownReplica } from './pool-snapshot.js';
import type { PoolEvents } from './replica/pool-events.js';
import type { ReplicaSpec } from './replica/replica-spec.js';
import type { ScaleBounds } from './scheduling/autoscaler.js';
import type { BatchOptions } from './scheduling/batcher.js';

/** How many calls there were, and how many of them failed. */
export interface CallCounters {
  calls: number;
  errors: number;
}

/** The secrets that replicas get with their `ReplicaSpec`, as their pool sees them. */
export interface PoolSecrets extends Redactor {
  /** Whether one was changed since a replica was started last. */
  readonly outdated: boolean;
  /** Removes what was laid out of them for the replicas, which are gone. May be called again. */
  close(): Promise<void>;
}

/** What a pool runs, and within which bounds. */
export interface PoolOptions {
  spec: ReplicaSpec;
  replicas: ScaleBounds;
  /** Whether a replica's successor is started before the replica stops; otherwise after, for hosts without room for both. */
  overlap: boolean;
  batch: BatchOptions;
  maxQueued: number;
  /** Milliseconds that a call may take, the queue included; for a stream, how long it may wait in the queue, and then how long no chunk may move. */
  timeoutMs: number;
  /** Milliseconds that a Handler may run on past its call's deadline before its replica is killed. */
  killGraceMs: number;
  /** Calls of the function, whichever revision ran them. */
  counters: CallCounters;
  /** What of its replicas' lines and errors nobody may read. @default nothing */
  secrets?: PoolSecrets | undefined;
  onLog: (replica: number, line: LogLine) => void;
  /** Runs the nested calls of the Handlers. */
  callFunction: CallFunction;
  /** Called when readiness may have changed. */
  onChange: () => void;
  /** Makes a replica, not started yet. @default one that is a process */
  createReplica?: (id: number, spec: ReplicaSpec, events: PoolEvents) => ShownReplica;
}

/** Options that are made from the manifest. */
type FromManifest = 'replicas' | 'overlap' | 'batch' | 'maxQueued' | 'timeoutMs';

/** Options that are not in the manifest. */
export type PoolHost = Omit<PoolOptions, FromManifest>;

/**
 * Puts together the options of a function's pool.
 *
 * @param manifest - what the function asks for
 * @param host - the other options
 * @param scale - bounds in place of the manifest's. @default the manifest's
 */
export function poolOptions(manifest: Manifest, host: PoolHost, scale: Partial<Pick<ScaleBounds, 'min' | 'max'>> = {}): PoolOptions {
  const { replicas, update, batch, queue, timeout } = manifest;
  const { min, max, idleTimeout } = replicas;
  return {
    ...host,
    replicas: { min, max, ...scale, idleTimeoutMs: idleTimeout },
    overlap: update === 'rolling',
    batch: { maxSize: batch.maxSize, maxDelayMs: batch.maxDelay, maxBytes: host.spec.maxPayload },
    maxQueued: queue.maxSize,
    timeoutMs: timeout,
  };
}
