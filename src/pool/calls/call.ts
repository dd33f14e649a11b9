import { performance } from 'node:perf_hooks';
import type { DcfError } from '../../core/errors.js';
import type { ListNode } from '../../core/linked-list.js';
import type { Message } from '../../wire/messages.js';
import type { Batch, HolderOf, OwnerOf } from './call-parties.js';
import { type CallPhase, illegalStep } from './call-phase.js';
import { CallStream, noCaller, type StreamOwner } from './call-stream.js';
import type { AwaitedCall, SlotOwner } from './deadlock.js';
import type { CallReport, Invocation, Outcome, ParentCall, ReplyHead, Reported } from './invocation.js';
import { type NestedCall, NestedList } from './nested-call.js';

/** The pool that a call belongs to. */
export type CallOwner = OwnerOf<Call>;
/** The worker that a call was given to. */
export type CallHolder = HolderOf<Call>;

/** A call that has been accepted. It is settled once. Every change of its phase is one of its methods. */
export class Call implements ListNode<Call>, Reported, AwaitedCall, ParentCall, StreamOwner {
  readonly acceptedAt = performance.now();
  /** Links of the list that it is in. */
  previous: Call | undefined;
  next: Call | undefined;
  private currentPhase: CallPhase = 'queued';
  private currentHolder: CallHolder | undefined;
  private lastHolder: CallHolder | undefined;
  private begunAt = 0;
  private idOnWire = 0;
  private currentBatch: Batch | undefined;
  private batchSize = 1;
  private waitedForReplica = false;
  private hasExpired = false;
  private replyHead: ReplyHead | undefined;
  private chunks: CallStream | undefined;
  private cancelTimer: (() => void) | undefined;
  private nestedCalls: NestedList | undefined;

  /** @param limitMs - the shorter of the caller's timeout and the function's, in milliseconds; of a stream, the caller's */
  constructor(
    readonly invocation: Invocation,
    private limitMs: number,
    private pool: CallOwner,
  ) {}

  get phase(): CallPhase {
    return this.currentPhase;
  }

  get owner(): CallOwner {
    return this.pool;
  }

  get function(): string {
    return this.pool.function;
  }

  get slots(): SlotOwner {
    return this.pool.slots;
  }

  /** Milliseconds from its acceptance to its deadline; `Infinity` for a stream without one. */
  get timeoutMs(): number {
    return this.limitMs;
  }

  /** The worker that has it. */
  get holder(): CallHolder | undefined {
    return this.currentHolder;
  }

  /** When a Handler began it, on the clock of `performance.now()`; 0 before. */
  get startedAt(): number {
    return this.begunAt;
  }

  /** Its number on its worker's stream. */
  get wireId(): number {
    return this.idOnWire;
  }

  get batch(): Batch | undefined {
    return this.currentBatch;
  }

  /** Status and headers that its Handler chose for the answer, if it did. */
  get head(): ReplyHead | undefined {
    return this.replyHead;
  }

  /** Its chunks; `undefined` for a call of one input and one output. */
  get stream(): CallStream | undefined {
    return this.chunks;
  }

  /** Whether its deadline has passed. */
  get expired(): boolean {
    return this.hasExpired;
  }

  /** Whether its caller has been told how it ended. */
  get settled(): boolean {
    return this.currentPhase === 'abandoned' || this.currentPhase === 'done';
  }

  /** Whether a Handler makes it. */
  get isNested(): boolean {
    return this.invocation.origin !== undefined;
  }

  /** Whether a Handler has it now. */
  get begun(): boolean {
    return this.currentHolder !== undefined && this.begunAt > 0;
  }

  /** The calls of other functions that its Handler waits for. */
  awaited(): Iterable<AwaitedCall> {
    return this.nestedCalls?.accepted() ?? [];
  }

  /** Milliseconds since it was accepted. */
  get age(): number {
    return performance.now() - this.acceptedAt;
  }

  /** What is left of the deadline, at least 1 ms; `Infinity` for a stream without one. */
  get remainingMs(): number {
    return Math.max(1, Math.round(this.limitMs - this.age));
  }

  /** Another pool takes it over while it waits. Throws a DcfError INTERNAL in any other phase. */
  moveTo(pool: CallOwner): void {
    if (this.currentPhase !== 'queued') throw this.illegal('go to another pool');
    this.pool = pool;
  }

  /** Notes for its report that no replica was ready when it was queued. Throws a DcfError INTERNAL unless it is queued. */
  waitForReplica(): void {
    if (this.currentPhase !== 'queued') throw this.illegal('wait for a replica');
    this.waitedForReplica = true;
  }

  /**
   * Gives it to a worker. Throws a DcfError INTERNAL unless it is queued.
   *
   * @param wireId - its number on the worker's stream
   * @param ahead - whether the worker has no free slot for it yet; otherwise the Handler begins it at once
   */
  assign(holder: CallHolder, wireId: number, ahead: boolean): void {
    if (this.currentPhase !== 'queued') throw this.illegal('be given to a worker');
    this.currentPhase = ahead ? 'ahead' : 'running';
    this.currentHolder = holder;
    this.lastHolder = holder;
    this.idOnWire = wireId;
    if (!ahead) this.begunAt = performance.now();
  }

  /** The Handler begins the call, which was sent ahead. Throws a DcfError INTERNAL when it has no worker or has begun before. */
  begin(): void {
    if (this.currentHolder === undefined || this.begunAt > 0) throw this.illegal('begin');
    if (this.currentPhase === 'ahead') this.currentPhase = 'running';
    this.begunAt = performance.now();
  }

  /** Takes it from its worker: it comes back, is answered, or was abandoned. Throws a DcfError INTERNAL when no worker has it. */
  release(): void {
    switch (this.currentPhase) {
      case 'ahead':
        this.currentPhase = 'queued';
        break;
      case 'running':
        this.currentPhase = 'delivering';
        // The timer of a stream goes on: its caller still has to take what is left, and must not be silent for too long.
        if (this.chunks === undefined) this.cancelTimer?.();
        break;
      case 'abandoned':
        this.currentPhase = 'done';
        this.cancelTimer?.();
        break;
      default:
        throw this.illegal('leave a worker');
    }
    this.currentHolder = undefined;
  }

  /** Makes it part of a batch. A batch takes one slot. */
  joinBatch(batch: Batch): void {
    this.currentBatch = batch;
    this.batchSize = batch.size;
  }

  leaveBatch(): void {
    this.currentBatch = undefined;
  }

  /** The Handler has chosen status and headers of its answer. */
  chooseHead(head: ReplyHead): void {
    this.replyHead = head;
    this.chunks?.head(head);
  }

  /** Replaces the timer that ends the call when its time is over. @param cancel - stops the new timer, which runs already */
  setTimer(cancel: () => void): void {
    this.cancelTimer?.();
    this.cancelTimer = cancel;
  }

  /** The deadline has passed. */
  markExpired(): void {
    this.hasExpired = true;
  }

  /** The calls that its Handler makes; `undefined` before the first. */
  get nested(): NestedList | undefined {
    return this.nestedCalls;
  }

  addNested(nested: NestedCall): void {
    this.nestedCalls ??= new NestedList();
    this.nestedCalls.push(nested);
  }

  /** Ends it because its caller, or the Handler that made it, gave up. */
  cancel(error?: DcfError): void {
    this.pool.cancel(this, error);
  }

  /** Ends it because its time is over. */
  expire(): void {
    this.pool.expire(this);
  }

  fail(error: DcfError): void {
    this.settle({ ok: false, error });
  }

  /** The worker has ended it. A stream is settled once its caller has taken every chunk. */
  end(outcome: Outcome): void {
    if (this.chunks === undefined) this.settle(outcome);
    else {
      this.nestedCalls?.cancelAll();
      this.chunks.finish(outcome);
    }
  }

  /** Makes it a stream before a worker has it. */
  attachStream(stream: CallStream): void {
    this.chunks = stream;
  }

  /** Makes it a stream when its worker sends a first chunk: from now on it may go on for as long as chunks move. */
  becomeStream(send: (message: Message) => void): CallStream {
    const { onChunks, timeoutMs } = this.invocation;
    const stream = new CallStream(this, { chunked: false, caller: noCaller }, this.pool.timeoutMs);
    this.limitMs = timeoutMs;
    this.chunks = stream;
    if (onChunks !== undefined) stream.caller = onChunks(stream);
    stream.open(send);
    this.setTimer(stream.watch());
    return stream;
  }

  /** What is known of it until now. */
  report(): CallReport {
    const now = performance.now();
    const started = this.begunAt > 0 ? this.begunAt : now;
    const { lastHolder, batchSize, waitedForReplica: cold } = this;
    const { rss, peak } = lastHolder?.memory ?? { rss: 0, peak: 0 };
    return {
      revision: this.pool.revision,
      replica: lastHolder?.replicaId ?? 0,
      worker: lastHolder?.index ?? 0,
      queueMs: started - this.acceptedAt,
      runMs: now - started,
      batchSize,
      providers: lastHolder?.providers ?? [],
      cold,
      memory: rss,
      peakMemory: peak,
      caller: this.invocation.origin?.parent.function,
    };
  }

  /** Tells the caller how it ended. Does nothing when the caller has been told before: an answer may come just after the deadline. */
  settle(outcome: Outcome): void {
    if (this.settled) return;
    if (this.currentHolder === undefined) {
      this.currentPhase = 'done';
      this.cancelTimer?.();
    } else {
      // The timer stays: it ends a Handler that never answers.
      this.currentPhase = 'abandoned';
    }
    this.nestedCalls?.cancelAll();
    this.invocation.settle(this.pool.settled(outcome), this);
  }

  private illegal(step: string): DcfError {
    return illegalStep(this.invocation.requestId, this.currentPhase, step);
  }
}
