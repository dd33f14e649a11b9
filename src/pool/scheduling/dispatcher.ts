import { performance } from 'node:perf_hooks';
import { startTimer } from '../../core/deadline.js';
import type { Call } from '../calls/call.js';
import { CallQueue } from '../calls/call-queue.js';
import type { PoolReplica, PoolWorker } from '../replica/pool-events.js';
import { BatchGathering } from './batch-gathering.js';
import { type BatchOptions, earliestDeadline, frontBatch, takeBatch } from './batcher.js';

/** A call that was sent ahead and waits for longer than this behind another is asked for again once a worker is idle. */
const recallAfterMs = 20;

/** The replicas that there are now. */
export interface ReplicaList {
  readonly replicas: readonly Pick<PoolReplica, 'workers' | 'running'>[];
}

/** The queue of a pool, and what gives its calls to workers: one by one or in batches, each as soon as there is room. */
export class Dispatcher {
  /** How many batches there were of each size, by size. */
  readonly batchSizes: number[] = [];
  private readonly queue = new CallQueue();
  private cancelRecall: (() => void) | undefined;
  private readonly gathering: BatchGathering;
  private batchDelay: { until: number; cancel: () => void } | undefined;
  private pumpScheduled = false;

  constructor(
    private readonly replicas: ReplicaList,
    private readonly batch: BatchOptions,
  ) {
    this.gathering = new BatchGathering(batch.maxDelayMs);
  }

  get queued(): number {
    return this.queue.size;
  }

  /** Queued calls that Handlers wait for. */
  get queuedNested(): number {
    return this.queue.nestedSize;
  }

  /** The one of those that came last. */
  get lastNested(): Call | undefined {
    return this.queue.lastNested;
  }

  /** The worker that a call can be given to at once. */
  get room(): PoolWorker | undefined {
    return this.queue.size > 0 || this.batching ? undefined : this.roomiest();
  }

  /** The worker that can begin a call at once. A nested call that is sent ahead might wait there for the very call that waits for it. */
  get slot(): PoolWorker | undefined {
    const { room } = this;
    return room !== undefined && room.freeSlots > 0 ? room : undefined;
  }

  get hasFreeSlot(): boolean {
    return this.replicas.replicas.some(({ workers }) => workers.some(({ freeSlots }) => freeSlots > 0));
  }

  /** Calls beyond the queue that are as good as taken: those of one turn are put together before they are given to a worker. */
  get extraRoom(): number {
    if (!this.batching) return 0;
    let slots = 0;
    for (const replica of this.replicas.replicas) for (const worker of replica.workers) slots += worker.freeSlots;
    return slots * this.batch.maxSize;
  }

  give(call: Call, worker: PoolWorker): void {
    if (worker.freeSlots === 0 && this.cancelRecall === undefined) this.startRecallTimer();
    worker.dispatch(call);
  }

  push(call: Call): void {
    this.queue.push(call);
    if (!this.batching) return;
    this.gathering.note(this.open);
    this.schedulePump();
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
    for (const replica of this.replicas.replicas) for (const worker of replica.workers) this.fill(worker);
    for (const replica of this.replicas.replicas) for (const worker of replica.workers) this.sendAhead(worker);
  }

  /** There may be room in this worker. */
  feed(worker: PoolWorker): void {
    if (this.fillsWithBatches(worker)) {
      // What comes in the same turn goes along.
      this.schedulePump();
      return;
    }
    this.fill(worker);
    this.sendAhead(worker);
  }

  stop(): void {
    this.cancelRecall?.();
    this.batchDelay?.cancel();
    this.cancelRecall = undefined;
    this.batchDelay = undefined;
  }

  private sendAhead(worker: PoolWorker): void {
    if (this.queue.nestedSize > 0 || !worker.takesAhead || this.queue.first?.stream !== undefined) return;
    const call = this.queue.shift();
    if (call !== undefined) this.give(call, worker);
  }

  private get batching(): boolean {
    return this.batch.maxSize > 1;
  }

  /** The worker with the most free slots; without one, a worker that a call may be sent ahead to. */
  private roomiest(): PoolWorker | undefined {
    let best: PoolWorker | undefined;
    let most = 0;
    for (const replica of this.replicas.replicas) {
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

  private fill(worker: PoolWorker): void {
    if (this.fillsWithBatches(worker)) {
      this.fillWithBatches(worker);
      return;
    }
    while (worker.freeSlots > 0) {
      const call = this.queue.shift();
      if (call === undefined) return;
      this.give(call, worker);
    }
  }

  private fillWithBatches(worker: PoolWorker): void {
    while (worker.freeSlots > 0) {
      const front = frontBatch(this.queue, this.batch);
      if (front === undefined) {
        this.gathering.reset();
        return;
      }
      const restMs = front.full ? 0 : this.restMs(worker);
      if (restMs > 0) {
        this.waitForMore(restMs);
        return;
      }
      this.gathering.reset();
      this.begin(takeBatch(this.queue, front.count), worker);
    }
  }

  private begin(calls: readonly Call[], worker: PoolWorker): void {
    const [first] = calls;
    if (first?.stream !== undefined) {
      this.give(first, worker);
      return;
    }
    this.batchSizes[calls.length] = (this.batchSizes[calls.length] ?? 0) + 1;
    worker.dispatchBatch(calls);
  }

  private restMs(worker: PoolWorker): number {
    const { queue, open } = this;
    return this.gathering.restMs({ now: performance.now(), open, deadline: earliestDeadline(queue), runMs: worker.usualRunMs });
  }

  /** Calls that wait or that workers have. */
  private get open(): number {
    return this.replicas.replicas.reduce((sum, { running }) => sum + running, this.queue.size);
  }

  private fillsWithBatches(worker: PoolWorker): boolean {
    return this.batching && worker.takesBatches;
  }

  /** A wait that ends earlier than the one that goes on takes its place: a call with a near deadline may have come. */
  private waitForMore(ms: number): void {
    const until = performance.now() + ms;
    if (this.batchDelay !== undefined && this.batchDelay.until <= until) return;
    this.batchDelay?.cancel();
    const cancel = startTimer(ms, () => {
      this.batchDelay = undefined;
      this.pump();
    });
    this.batchDelay = { until, cancel };
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
      const workers = this.replicas.replicas.flatMap((replica) => replica.workers);
      const waiting = workers.filter((worker) => worker.aheadAge > 0);
      if (waiting.length === 0) return;
      const idle = workers.some((worker) => worker.freeSlots > 0);
      for (const worker of waiting) if (idle && worker.aheadAge > recallAfterMs) worker.recall();
      this.startRecallTimer();
    });
  }
}
