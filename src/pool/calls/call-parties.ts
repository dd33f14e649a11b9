import type { DcfError } from '../../core/errors.js';
import type { SlotOwner } from './deadlock.js';
import type { Outcome } from './invocation.js';

// Who has to do with a call. They are written without the call itself, which knows them.

/** The pool that a call belongs to. A call that waits may be handed over to another. */
export interface OwnerOf<Call> {
  readonly function: string;
  readonly slots: SlotOwner;
  readonly revision: string;
  /** The function's own timeout, in milliseconds. */
  readonly timeoutMs: number;
  /** The call is settled. Returns what its caller is told next, which may say less. */
  settled(outcome: Outcome): Outcome;
  expire(call: Call): void;
  cancel(call: Call, error?: DcfError): void;
}

/** The worker that has a call: the part of it that the call and `CallTermination` use. */
export interface HolderOf<Call> {
  readonly index: number;
  readonly replicaId: number;
  /** Memory of its replica, in bytes. */
  readonly memory: { readonly rss: number; readonly peak: number };
  /** The execution providers of the Handler's sessions. */
  readonly providers: readonly string[];
  /** Tells the Handler that nobody waits for the call any more. */
  cancel(call: Call): void;
  /** To be called when a call that the worker still has was settled. */
  callAbandoned(): void;
  /** The call did not end in time: its replica takes no new calls, and is killed when its other calls have ended, at the latest after `graceMs`. */
  condemnFor(call: Call, graceMs: number): void;
}

/** Calls that a Handler gets together. */
export interface Batch {
  readonly size: number;
  /** How many of them are not answered yet. */
  left: number;
}
