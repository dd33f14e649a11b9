import { performance } from 'node:perf_hooks';
import type { DcfError } from '../core/errors.js';
import type { ListNode } from '../core/linked-list.js';
import type { Invocation, Outcome, Success } from './invocation.js';
import type { Worker } from './worker.js';

/** A call that has been accepted. It is settled once, and may stay with its worker after that until the worker answers. */
export class Call implements ListNode<Call> {
  readonly acceptedAt = performance.now();
  /** The worker that runs it. */
  holder: Worker | undefined;
  /** The call's number on its worker's stream. */
  wireId = 0;
  settled = false;
  previous: Call | undefined;
  next: Call | undefined;
  cancelTimer: (() => void) | undefined;

  /**
   * @param timeoutMs - the shorter of the caller's and the function's
   * @param onSettled - told before the caller is
   */
  constructor(
    readonly invocation: Invocation,
    readonly timeoutMs: number,
    private readonly onSettled: (outcome: Outcome) => void,
  ) {}

  /** Milliseconds since it was accepted. */
  get age(): number {
    return performance.now() - this.acceptedAt;
  }

  /** What is left of the deadline, at least 1 ms: 0 would mean none. */
  get remainingMs(): number {
    return Math.max(1, Math.round(this.timeoutMs - this.age));
  }

  succeed(success: Success): void {
    this.settle(success);
  }

  fail(error: DcfError): void {
    this.settle({ ok: false, error });
  }

  private settle(outcome: Outcome): void {
    if (this.settled) return;
    this.settled = true;
    // A call that is cancelled but still held keeps its timer: it is what ends a Handler that never answers.
    if (this.holder === undefined) this.cancelTimer?.();
    this.onSettled(outcome);
    this.invocation.settle(outcome);
  }
}
