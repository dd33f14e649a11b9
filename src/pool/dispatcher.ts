import { startTimer } from '../core/deadline.js';
import { type BatchOptions, nextBatch } from './batcher.js';
import type { Call } from './call.js';
import { CallQueue } from './call-queue.js';
import type { ReplicaKeeper } from './replica-keeper.js';
import type { Worker } from './worker.js';

/** A call that was sent ahead and waits for longer than this behind another is asked for again once a worker is idle. */
const recallAfterMs = 20;

/** The queue of a pool, and what gives its calls to workers: one by one or in batches, each as soon as there is room. */
export class Dispatcher {
  /** How many batches there were of each size, by size. */
  readonly batchSizes: number[] = [];
  private readonly queue = new CallQueue();
  private cancelRecall: (() => void) | undefined;
  private cancelBatchDelay: (() => void) | undefined;
  private pumpScheduled = false;

  constructor(
    private readonly keeper: ReplicaKeeper,
    private readonly batch: BatchOptions,
  ) {}

  get queued(): number {
    return this.queue.size;
  }

  /** Those of them that Handlers wait for. */
  get queuedNested(): number {
    return this.queue.nestedSize;
  }

  /** The one of those that came last. */
  get lastNested(): Call | undefined {
    return this.queue.lastNested;
  }

  /** The worker that a call can be given to at once. */
  get room(): Worker | undefined {
    return this.queue.size > 0 || this.batching ? undefined : this.roomiest();
  }

  /** The same for a call that has to begin at once. A nested one that is sent ahead might wait there for the very call that waits for it. */
  get slot(): Worker | undefined {
    const { room } = this;
    return room !== undefined && room.freeSlots > 0 ? room : undefined;
  }

  get hasFreeSlot(): boolean {
    return this.keeper.replicas.some(({ workers }) => workers.some(({ freeSlots }) => freeSlots > 0));
  }

  /** Calls beyond the queue that are as good as taken: those of one turn are put together before they are given to a worker. */
  get extraRoom(): number {
    if (!this.batching) return 0;
    let slots = 0;
    for (const replica of this.keeper.replicas) for (const worker of replica.workers) slots += worker.freeSlots;
    return slots * this.batch.maxSize;
  }

  give(call: Call, worker: Worker): void {
    if (worker.freeSlots === 0 && this.cancelRecall === undefined) this.startRecallTimer();
    worker.dispatch(call);
  }

  push(call: Call): void {
    this.queue.push(call);
    if (this.batching) this.schedulePump();
  }

  /** Puts calls in front of those that wait, in their order. */
  putBack(calls: readonly Call[]): void {
    for (const call of calls.toReversed()) this.queue.unshift(call);
    this.pump();
  }

  remove(call: Call): void {
    this.queue.remove(call);
  }

  takeAll(): Call[] {
    const calls: Call[] = [];
    for (let call = this.queue.shift(); call !== undefined; call = this.queue.shift()) calls.push(call);
    return calls;
  }

  /** There may be room anywhere. Nothing is sent ahead while a slot is free. */
  pump(): void {
    for (const replica of this.keeper.replicas) for (const worker of replica.workers) this.fill(worker);
    for (const replica of this.keeper.replicas) for (const worker of replica.workers) this.feed(worker);
  }

  /** There may be room in this worker. */
  feed(worker: Worker): void {
    this.fill(worker);
    if (this.queue.nestedSize > 0 || !worker.takesAhead || this.queue.first?.stream !== undefined) return;
    const call = this.queue.shift();
    if (call !== undefined) this.give(call, worker);
  }

  stop(): void {
    this.cancelRecall?.();
    this.cancelBatchDelay?.();
    this.cancelRecall = undefined;
    this.cancelBatchDelay = undefined;
  }

  private get batching(): boolean {
    return this.batch.maxSize > 1;
  }

  /** The worker with the most free slots; without one, a worker that a call may be sent ahead to. */
  private roomiest(): Worker | undefined {
    let best: Worker | undefined;
    let most = 0;
    for (const replica of this.keeper.replicas) {
      for (const worker of replica.workers) {
        const free = worker.freeSlots;
        if (free > most) {
          best = worker;
          most = free;
        } else if (best === undefined && worker.takesAhead) {
          best = worker;
        }
      }
    }
    return best;
  }

  private fill(worker: Worker): void {
    if (this.batching && worker.readiness?.callBatch === true) {
      this.fillWithBatches(worker);
      return;
    }
    while (worker.freeSlots > 0) {
      const call = this.queue.shift();
      if (call === undefined) return;
      this.give(call, worker);
    }
  }

  private fillWithBatches(worker: Worker): void {
    while (worker.freeSlots > 0) {
      const next = nextBatch(this.queue, this.batch);
      if (next.kind === 'wait') this.waitForMore(next.ms);
      if (next.kind !== 'batch') return;
      const size = next.calls.length;
      const [first] = next.calls;
      if (first?.stream !== undefined) {
        this.give(first, worker);
        continue;
      }
      this.batchSizes[size] = (this.batchSizes[size] ?? 0) + 1;
      worker.dispatchBatch(next.calls);
    }
  }

  private waitForMore(ms: number): void {
    this.cancelBatchDelay ??= startTimer(ms, () => {
      this.cancelBatchDelay = undefined;
      this.pump();
    });
  }

  /** At the end of this turn, when every call that it brings is there. */
  private schedulePump(): void {
    if (this.pumpScheduled) return;
    this.pumpScheduled = true;
    setImmediate(() => {
      this.pumpScheduled = false;
      this.pump();
    });
  }

  private startRecallTimer(): void {
    this.cancelRecall = startTimer(recallAfterMs, () => {
      this.cancelRecall = undefined;
      const workers = this.keeper.replicas.flatMap((replica) => replica.workers);
      const waiting = workers.filter((worker) => worker.aheadAge > 0);
      if (waiting.length === 0) return;
      const idle = workers.some((worker) => worker.freeSlots > 0);
      for (const worker of waiting) if (idle && worker.aheadAge > recallAfterMs) worker.recall();
      this.startRecallTimer();
    });
  }
}
