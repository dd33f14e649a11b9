import { startTimer } from '../core/deadline.js';
import { DcfError, notStarted } from '../core/errors.js';
import { LinkedList } from '../core/linked-list.js';
import { formatDuration } from '../core/units.js';
import { Call } from './call.js';
import type { Invocation, Outcome } from './invocation.js';
import type { LogLine } from './log-line.js';
import { Replica, type ReplicaSpec } from './replica.js';
import { ReplicaKeeper } from './replica-keeper.js';
import type { Worker } from './worker.js';

export interface CallCounters {
  calls: number;
  errors: number;
}

export interface PoolOptions {
  spec: ReplicaSpec;
  replicas: number;
  maxQueued: number;
  /** Of a call, the queue included. */
  timeoutMs: number;
  /** How long a Handler may run on past its call's deadline before its replica is killed. */
  killGraceMs: number;
  /** Counted up for as long as the function lives, whichever revision runs. */
  counters: CallCounters;
  onLog: (replica: number, line: LogLine) => void;
  /** Readiness may have changed. */
  onChange: () => void;
}

/** What a caller is told to wait when the queue is full, in milliseconds. */
const queueFullPauseMs = 100;

const nothing = (): void => undefined;

/** Runs the calls of one revision. It owns the only queue, and sends a call to a worker only while that has a free slot. */
export class FunctionPool {
  readonly keeper: ReplicaKeeper;
  private readonly queue = new LinkedList<Call>();
  private unsettled = 0;
  private draining = false;
  private onIdle: (() => void) | undefined;

  constructor(private readonly options: PoolOptions) {
    this.keeper = new ReplicaKeeper({
      wanted: options.replicas,
      create: (id) => new Replica(id, options.spec, { freed: (worker) => this.feed(worker), log: (line) => options.onLog(id, line) }),
      onReady: (replica) => {
        for (const worker of replica.workers) this.feed(worker);
        options.onChange();
      },
      onEnded: () => {
        this.failHopeless();
        options.onChange();
      },
    });
  }

  get queued(): number {
    return this.queue.size;
  }

  get running(): number {
    return this.workers.reduce((sum, worker) => sum + worker.running, 0);
  }

  /**
   * Starts the replicas and resolves when all are ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause`; replicas go on being tried until `stop`
   */
  start(): Promise<void> {
    return this.keeper.start();
  }

  /** Takes nothing new, finishes what was accepted, and ends every replica; what is left after `graceMs` is killed. */
  async stop(graceMs: number): Promise<void> {
    this.draining = true;
    const until = Date.now() + graceMs;
    await this.idle(graceMs);
    await this.keeper.stop(Math.max(0, until - Date.now()));
    for (let call = this.queue.shift(); call !== undefined; call = this.queue.shift()) call.fail(this.stopped());
  }

  /**
   * Accepts a call: its `settle` is called exactly once, by the deadline at the latest, and at once when the call cannot be
   * accepted. Returns what cancels it.
   */
  invoke(invocation: Invocation): () => void {
    const call = new Call(invocation, Math.min(invocation.timeoutMs, this.options.timeoutMs), this.onSettled);
    this.unsettled += 1;
    this.options.counters.calls += 1;
    const worker = this.freeWorker();
    const refusal = worker === undefined || this.draining ? (this.refusal() ?? this.queueFull()) : undefined;
    if (refusal !== undefined) {
      call.fail(refusal);
      return nothing;
    }
    call.cancelTimer = startTimer(call.timeoutMs, () => this.expire(call));
    if (worker === undefined) this.queue.push(call);
    else worker.dispatch(call);
    return () => this.cancel(call);
  }

  private get workers(): Worker[] {
    return this.keeper.replicas.flatMap((replica) => replica.workers);
  }

  private refusal(): DcfError | undefined {
    return this.draining ? this.stopped() : this.hopeless();
  }

  /** Why no replica will take a call for a good while; `undefined` when one is ready or soon may be. */
  private hopeless(): DcfError | undefined {
    const { pauseMs, initError, lastFailure, readyCount } = this.keeper;
    if (readyCount > 0) return undefined;
    if (initError !== undefined)
      return new DcfError('FAILED_PRECONDITION', `${this.options.spec.function} is not ready: ${initError.message}`);
    if (pauseMs === 0) return undefined;
    const message = `${this.options.spec.function} is not ready: ${lastFailure?.text ?? 'its replicas ended'}; it is tried again in ${formatDuration(pauseMs)}`;
    return notStarted(message, { retryAfterMs: Math.ceil(pauseMs) });
  }

  private queueFull(): DcfError | undefined {
    const { maxQueued, spec } = this.options;
    if (this.queue.size < maxQueued) return undefined;
    return new DcfError('RESOURCE_EXHAUSTED', `the queue of ${spec.function} is full: ${maxQueued} calls wait`, {
      retryAfterMs: queueFullPauseMs,
    });
  }

  private stopped(): DcfError {
    return notStarted(`${this.options.spec.function} is being stopped and takes no new calls`);
  }

  private freeWorker(): Worker | undefined {
    let best: Worker | undefined;
    let most = 0;
    for (const replica of this.keeper.replicas) {
      for (const worker of replica.workers) {
        const free = worker.freeSlots;
        if (free <= most) continue;
        best = worker;
        most = free;
      }
    }
    return best;
  }

  private feed(worker: Worker): void {
    while (worker.freeSlots > 0) {
      const call = this.queue.shift();
      if (call === undefined) return;
      worker.dispatch(call);
    }
  }

  /** The deadline has passed: the caller hears of it now, the Handler gets the grace to notice. */
  private expire(call: Call): void {
    const worker = call.holder;
    const where = worker === undefined ? 'in the queue' : 'in the Handler';
    this.queue.remove(call);
    if (worker !== undefined) {
      if (!call.settled) worker.cancel(call);
      call.cancelTimer = startTimer(this.options.killGraceMs, () => worker.abandon(call));
    }
    const message = `${this.options.spec.function}: the deadline of ${formatDuration(call.timeoutMs)} passed ${where}`;
    call.fail(new DcfError('DEADLINE_EXCEEDED', message));
  }

  /** The caller has given up. A call that runs keeps its slot until the worker answers, or its deadline and the grace pass. */
  private cancel(call: Call): void {
    if (call.settled) return;
    this.queue.remove(call);
    call.holder?.cancel(call);
    call.fail(new DcfError('CANCELLED', 'the caller gave up'));
  }

  private readonly onSettled = (outcome: Outcome): void => {
    this.unsettled -= 1;
    if (!outcome.ok) this.options.counters.errors += 1;
    if (this.unsettled === 0) this.onIdle?.();
  };

  /** Nothing will take the queued calls for a good while: they are told now, not at their deadline. */
  private failHopeless(): void {
    const refusal = this.hopeless();
    if (refusal === undefined) return;
    for (let call = this.queue.shift(); call !== undefined; call = this.queue.shift()) call.fail(refusal);
  }

  private async idle(graceMs: number): Promise<void> {
    if (this.unsettled === 0) return;
    await new Promise<void>((resolve) => {
      const cancelTimer = startTimer(graceMs, resolve);
      this.onIdle = () => {
        cancelTimer();
        resolve();
      };
    });
  }
}
