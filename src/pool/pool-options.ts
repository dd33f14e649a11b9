import type { Manifest } from '@dcf/sdk/manifest';
import type { CallFunction } from './calls/nested-call.js';
import type { LogLine } from './output/log-line.js';
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

/** What a pool runs, and within which bounds. */
export interface PoolOptions {
  spec: ReplicaSpec;
  replicas: ScaleBounds;
  /** Whether a replica's successor is started before it stops; otherwise after, for where there is no room for both. */
  overlap: boolean;
  batch: BatchOptions;
  maxQueued: number;
  /** Milliseconds that a call may take, the queue included; for a stream, how long it may wait in the queue, and then how long nothing may move. */
  timeoutMs: number;
  /** How long a Handler may run on past its call's deadline before its replica is killed. */
  killGraceMs: number;
  /** Counted up for as long as the function lives, whichever revision runs. */
  counters: CallCounters;
  onLog: (replica: number, line: LogLine) => void;
  /** For the Handlers that call other functions. */
  callFunction: CallFunction;
  /** Readiness may have changed. */
  onChange: () => void;
  /** Makes a replica, not started yet. @default one that is a process */
  createReplica?: (id: number, spec: ReplicaSpec, events: PoolEvents) => ShownReplica;
}

/** What a manifest says of a pool, in the manifest's own values. */
type FromManifest = 'replicas' | 'overlap' | 'batch' | 'maxQueued' | 'timeoutMs';

/** What a pool needs besides its manifest. */
export type PoolHost = Omit<PoolOptions, FromManifest>;

/**
 * Puts together the options of a function's pool.
 *
 * @param manifest - what the function asks for
 * @param host - what runs it here, and who is told what happens
 * @param scale - bounds that take the place of the manifest's
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
