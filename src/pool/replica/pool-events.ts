import type { Call, CallHolder } from '../calls/call.js';
import type { CallFunction } from '../calls/nested-call.js';
import type { LogLine } from '../output/log-line.js';
import type { EndReason } from './end-reason.js';
import type { Retirement } from './retirement.js';

/** The part of a worker that its pool uses: what it can take, and which calls it has. */
export interface PoolWorker extends CallHolder {
  /** Number of calls, or batches, that it can begin at once. */
  readonly freeSlots: number;
  /** Whether one more call may be sent ahead of the slot that it will need. */
  readonly takesAhead: boolean;
  /** Whether its Handler takes several calls together. */
  readonly takesBatches: boolean;
  /** How long the Handler usually takes for a call, or for a batch, in milliseconds; `undefined` before there were enough calls. */
  readonly usualRunMs: number | undefined;
  /** Milliseconds since the call that was sent ahead was accepted; 0 when there is none. */
  readonly aheadAge: number;
  /** Calls that hold its slots: those that have begun, and the one ahead when it is about to. */
  holders(): Iterable<Call>;
  /** Sends a call to the Handler. The caller has checked that a slot is free, or that a call may be sent ahead. */
  dispatch(call: Call): void;
  /** Sends calls that the Handler gets together. The caller has checked that a slot is free. */
  dispatchBatch(calls: readonly Call[]): void;
  /** Asks for the call that was sent ahead; it comes back unless it has begun meanwhile. */
  recall(): void;
}

/** `starting` → `ready` → `draining` → `ended`. A replica with a stuck call is `condemned` until it is killed. */
export type ReplicaPhase = 'starting' | 'ready' | 'draining' | 'condemned' | 'ended';

/** The part of a replica that its pool uses. */
export interface PoolReplica {
  readonly id: number;
  readonly phase: ReplicaPhase;
  readonly workers: readonly PoolWorker[];
  /** Calls that its workers have and have not answered. */
  readonly running: number;
  /** Milliseconds since it was started. */
  readonly age: number;
  /** Whether it was told to end: its end is then no failure. */
  readonly discarded: boolean;
  /** Resolves with the reason when the process is gone and its calls have failed. */
  readonly ended: Promise<EndReason>;
  /**
   * Starts the process and builds its Handlers. Resolves when every worker is ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause`; the process is then gone
   */
  start(): Promise<void>;
  /**
   * Lets it finish its calls, and kills it after `graceMs`. Resolves when the process is gone.
   *
   * @param streamsMayEnd - whether it is not killed while one of its streams goes on. @default false
   */
  drain(graceMs: number, streamsMayEnd?: boolean): Promise<void>;
}

/** What the replicas and workers of a pool tell it: one object, handed down to each of them. */
export interface PoolEvents {
  /** A worker has answered a call, or begun one: there may be room for another. */
  slotFreed(worker: PoolWorker): void;
  /** A call comes back; no Handler has begun it. */
  callReturned(call: Call): void;
  /** A Handler has begun a call that was sent ahead. */
  callStarted(call: Call): void;
  /** A replica that still works should be replaced: a worker asked for it, or a limit of the manifest's `recycle` is reached. */
  replicaRetires(replica: PoolReplica, retirement: Retirement): void;
  /** A replica, or one of its Handlers, has written a line. */
  log(replica: number, line: LogLine): void;
  /** Runs the nested calls of the Handlers. */
  readonly callFunction: CallFunction;
}
