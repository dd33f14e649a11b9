import type { CallFunction } from './calls/nested-call.js';
import type { LogLine } from './output/log-line.js';
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
  /** Of a call, the queue included; of a stream, how long it may wait in the queue, and then how long nothing may move. */
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
}
