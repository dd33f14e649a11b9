import type { Call, CallHolder } from '../calls/call.js';
import type { CallFunction } from '../calls/nested-call.js';
import type { LogLine } from '../output/log-line.js';
import type { EndReason } from './end-reason.js';
import type { Retirement } from './retirement.js';

/** A worker, as its pool sees it: what it can take, and which calls it has. */
export interface PoolWorker extends CallHolder {
  /** Calls, or batches, that it can begin at once. */
  readonly freeSlots: number;
  /** Whether one more call may be sent ahead of the slot that it will need. */
  readonly takesAhead: boolean;
  /** Whether its Handler takes several calls at once. */
  readonly takesBatches: boolean;
  /** How long the Handler usually takes for a call, or for a batch, in milliseconds; `undefined` after few calls. */
  readonly usualRunMs: number | undefined;
  /** How long the call that was sent ahead has waited, in milliseconds; 0 without one. */
  readonly aheadAge: number;
  /** Calls that hold its slots: those that have begun, and the one ahead when it is about to. */
  holders(): Iterable<Call>;
  /** Sends a call to the Handler. The caller has seen that a slot is free, or that one may be sent ahead. */
  dispatch(call: Call): void;
  /** Sends calls that the Handler gets at once. The caller has seen that a slot is free. */
  dispatchBatch(calls: readonly Call[]): void;
  /** Asks for the call that was sent ahead; it comes back unless it has begun meanwhile. */
  recall(): void;
}

/** `starting` → `ready` → `draining` → `ended`. A replica with a stuck call is `condemned` until it is killed. */
export type ReplicaPhase = 'starting' | 'ready' | 'draining' | 'condemned' | 'ended';

/** A replica, as its pool sees it. */
export interface PoolReplica {
  readonly id: number;
  readonly phase: ReplicaPhase;
  readonly workers: readonly PoolWorker[];
  /** Calls that its workers have and have not answered. */
  readonly running: number;
  /** Milliseconds since it was started. */
  readonly age: number;
  /** Whether it was told to leave: its end is no failure then. */
  readonly discarded: boolean;
  /** Resolves with the reason when the process is gone and its calls are failed. */
  readonly ended: Promise<EndReason>;
  /**
   * Starts the process and builds its Handlers. Resolves when every worker is ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause`; the process is then gone
   */
  start(): Promise<void>;
  /**
   * Lets it finish what it runs, and kills it after `graceMs`; with `streamsMayEnd`, not while one of its streams goes on. Resolves
   * when the process is gone.
   */
  drain(graceMs: number, streamsMayEnd?: boolean): Promise<void>;
}

/** What a pool is told by its replicas and their workers: one object, handed down to each of them. */
export interface PoolEvents {
  /** A worker has answered a call, or begun one: there may be room for another. */
  slotFreed(worker: PoolWorker): void;
  /** A call comes back that no Handler has begun. */
  callReturned(call: Call): void;
  /** A Handler has begun a call that was sent ahead. */
  callStarted(call: Call): void;
  /** A replica that still works should be replaced, for what it says of itself or because its time has come. */
  replicaRetires(replica: PoolReplica, retirement: Retirement): void;
  /** A replica, or one of its Handlers, has written a line. */
  log(replica: number, line: LogLine): void;
  readonly callFunction: CallFunction;
}
