import { performance } from 'node:perf_hooks';
import type { DcfError } from '../../core/errors.js';
import type { LinkedList, ListNode } from '../../core/linked-list.js';
import type { Message } from '../../wire/messages.js';
import type { Worker } from '../replica/worker.js';
import { CallStream, nobody } from './call-stream.js';
import type { AwaitedCall, SlotOwner } from './deadlock.js';
import type { CallReport, Invocation, Outcome, ReplyHead, Reported, Success } from './invocation.js';
import type { NestedCall } from './nested-call.js';

/** The pool that a call belongs to. A call that waits may be handed over to another. */
export interface CallOwner {
  readonly function: string;
  readonly slots: SlotOwner;
  readonly revision: string;
  /** The function's own timeout, in milliseconds. */
  readonly timeoutMs: number;
  /** Told before the caller is. */
  settled(outcome: Outcome): void;
  expire(call: Call): void;
  cancel(call: Call, error?: DcfError): void;
}

/** Calls that a Handler gets at once. */
export interface Batch {
  /** Those that are not answered. */
  left: number;
}

/** A call that has been accepted. It is settled once, and may stay with its worker after that until the worker answers. */
export class Call implements ListNode<Call>, Reported, AwaitedCall {
  readonly acceptedAt = performance.now();
  /** The worker that has it. */
  holder: Worker | undefined;
  /** The worker that had it last. */
  lastWorker: Worker | undefined;
  /** When a worker began to run it; 0 before. */
  startedAt = 0;
  /** The call's number on its worker's stream. */
  wireId = 0;
  batch: Batch | undefined;
  batchSize = 1;
  /** It had to wait for a replica to be started. */
  cold = false;
  settled = false;
  /** What its Handler chose for the answer that follows. */
  head: ReplyHead | undefined;
  /** What comes and goes in chunks; `undefined` for a call of one input and one output. */
  stream: CallStream | undefined;
  /** Its deadline has passed. */
  expired = false;
  previous: Call | undefined;
  next: Call | undefined;
  cancelTimer: (() => void) | undefined;
  /** Calls of other functions that its Handler has made and that are not answered; none before the first. */
  nested: LinkedList<NestedCall> | undefined;

  /**
   * @param timeoutMs - the shorter of the caller's and the function's; of a stream, the caller's
   */
  constructor(
    readonly invocation: Invocation,
    public timeoutMs: number,
    public owner: CallOwner,
  ) {}

  get function(): string {
    return this.owner.function;
  }

  get slots(): SlotOwner {
    return this.owner.slots;
  }

  /** Whether a Handler has made it. */
  get isNested(): boolean {
    return this.invocation.origin !== undefined;
  }

  /** Whether a Handler has it. */
  get begun(): boolean {
    return this.holder?.hasBegun(this) === true;
  }

  *awaited(): Iterable<Call> {
    for (let link = this.nested?.first; link !== undefined; link = link.next) if (link.call !== undefined) yield link.call;
  }

  /** Milliseconds since it was accepted. */
  get age(): number {
    return performance.now() - this.acceptedAt;
  }

  /** What is left of the deadline, at least 1 ms; `Infinity` for a stream without one. */
  get remainingMs(): number {
    return Math.max(1, Math.round(this.timeoutMs - this.age));
  }

  succeed(success: Success): void {
    this.settle(success);
  }

  fail(error: DcfError): void {
    this.settle({ ok: false, error });
  }

  /** Its Handler does not wait for the nested call with this number any more. */
  cancelNested(id: number): void {
    let link = this.nested?.first;
    while (link !== undefined && link.id !== id) link = link.next;
    link?.cancel();
  }

  /** The worker has done with it. A stream is settled once its caller has taken what came. */
  end(outcome: Outcome): void {
    if (this.stream === undefined) {
      this.settle(outcome);
      return;
    }
    this.cancelAllNested();
    this.stream.finish(outcome);
  }

  /**
   * Its output turns out to come in chunks: it is a stream from now on, and may go on for as long as something moves.
   */
  becomeStream(send: (message: Message) => void): CallStream {
    const { onChunks, timeoutMs } = this.invocation;
    const stream = new CallStream(this, { chunked: false, caller: nobody }, this.owner.timeoutMs);
    this.cancelTimer?.();
    this.timeoutMs = timeoutMs;
    this.stream = stream;
    if (onChunks !== undefined) stream.caller = onChunks(stream);
    stream.open(send);
    this.cancelTimer = stream.watch();
    return stream;
  }

  /** No worker has it any more. */
  released(): void {
    // One that has not begun goes on waiting, and its deadline with it; a stream waits for its caller to take what is left.
    if (this.settled || (this.startedAt > 0 && this.stream === undefined)) this.cancelTimer?.();
  }

  report(): CallReport {
    const now = performance.now();
    const started = this.startedAt > 0 ? this.startedAt : now;
    const { lastWorker, batchSize, cold } = this;
    const { rss, peak } = lastWorker?.home.memory ?? { rss: 0, peak: 0 };
    return {
      revision: this.owner.revision,
      replica: lastWorker?.home.id ?? 0,
      worker: lastWorker?.index ?? 0,
      queueMs: started - this.acceptedAt,
      runMs: now - started,
      batchSize,
      providers: lastWorker?.readiness?.providers ?? [],
      cold,
      memory: rss,
      peakMemory: peak,
      caller: this.invocation.origin?.parent.function,
    };
  }

  settle(outcome: Outcome): void {
    if (this.settled) return;
    this.settled = true;
    // A call that is cancelled but still held keeps its timer: it is what ends a Handler that never answers.
    if (this.holder === undefined) this.cancelTimer?.();
    if (this.nested !== undefined) this.cancelAllNested();
    this.owner.settled(outcome);
    this.invocation.settle(outcome, this);
  }

  /** Nobody waits for them any more. */
  private cancelAllNested(): void {
    for (let link = this.nested?.shift(); link !== undefined; link = this.nested?.shift()) link.cancel();
  }
}
