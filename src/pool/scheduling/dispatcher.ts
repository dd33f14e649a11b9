import { performance } from 'node:perf_hooks';
import { startTimer } from '../../core/deadline.js';
import type { Call } from '../calls/call.js';
import { CallQueue } from '../calls/call-queue.js';
import type { PoolReplica, PoolWorker } from '../replica/pool-events.js';
import { BatchGathering } from './batch-gathering.js';
import { type BatchOptions, earliestDeadline, frontBatch, takeBatch } from './batcher.js';

/** A call that was sent ahead and waits longer than this is asked for again when another worker has a free slot. */
const recallAfterMs = 20;

/** The current replicas of a pool. */
export interface ReplicaList {
  readonly replicas: readonly Pick<PoolReplica, 'workers' | 'running'>[];
}

/** What a dispatcher reads of its pool's options. */
export interface DispatcherOptions {
  batch: BatchOptions;
}

/** Holds the queue of a pool, and gives its calls to workers: one by one or in batches, as soon as there is room. */
export class Dispatcher {
  /** How many batches there were of each size, by size. */
  readonly batchSizes: number[] = [];
  private readonly queue = new CallQueue();
  private cancelRecall: (() => void) | undefined;
  private readonly gathering: BatchGathering;
  private batchDelay: { until: number; cancel: () => void } | undefined;
  private pumpScheduled = false;
  private readonly batch: BatchOptions;

  constructor(
    private readonly replicas: ReplicaList,
    { batch }: DispatcherOptions,
  ) {
    this.batch = batch;
    this.gathering = new BatchGathering(batch.maxDelayMs);
  }

  get queued(): number {
    return this.queue.size;
  }

  /** Number of queued nested calls. */
  get queuedNested(): number {
    return this.queue.nestedSize;
  }

  /** The nested call that was queued last. */
  get lastNested(): Call | undefined {
    return this.queue.lastNested;
  }

  /** A worker that a call can be given to at once, ahead of a slot if need be. */
  get workerWithRoom(): PoolWorker | undefined {
    return this.queue.size > 0 || this.batching ? undefined : this.roomiest();
  }

  /** A worker with a free slot. Nested calls need one: if they were sent ahead, they might wait behind the call that waits for them. */
  get workerWithSlot(): PoolWorker | undefined {
    const { workerWithRoom: worker } = this;
    return worker !== undefined && worker.freeSlots > 0 ? worker : undefined;
  }

  get hasFreeSlot(): boolean {
    return this.replicas.replicas.some(({ workers }) => workers.some(({ freeSlots }) => freeSlots > 0));
  }

  /** How many calls may be queued beyond the limit: with batches, calls that free slots could take stay in the queue until the end of the turn. */
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

  /** Puts calls back in front of the queued ones, in their order. */
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

  /** To be called when any worker may have room. Free slots of all workers are filled before anything is sent ahead. */
  pump(): void {
    for (const replica of this.replicas.replicas) for (const worker of replica.workers) this.fill(worker);
    for (const replica of this.replicas.replicas) for (const worker of replica.workers) this.sendAhead(worker);
  }

  /** To be called when this worker may have room. */
  feed(worker: PoolWorker): void {
    if (this.fillsWithBatches(worker)) {
      // Calls that come in the same turn of the event loop can join the batch.
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

  /** The worker with the most free slots; if no slot is free, a worker that takes a call ahead. */
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

  /** Number of calls that are queued, or that workers have. */
  private get open(): number {
    return this.replicas.replicas.reduce((sum, { running }) => sum + running, this.queue.size);
  }

  private fillsWithBatches(worker: PoolWorker): boolean {
    return this.batching && worker.takesBatches;
  }

  /** Waits for a fuller batch. A shorter wait replaces the current one: a call with an earlier deadline may have come. */
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

  /** Pumps at the end of this turn of the event loop, when all calls that it brings are queued. */
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
