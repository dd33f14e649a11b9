import { startTimer } from '../core/deadline.js';
import { DcfError, notStarted } from '../core/errors.js';
import { defer } from '../core/promises.js';
import { formatDuration } from '../core/units.js';
import type { ScaleBounds } from './autoscaler.js';
import type { BatchOptions } from './batcher.js';
import { Call, type CallOwner } from './call.js';
import { CallStream } from './call-stream.js';
import { Dispatcher } from './dispatcher.js';
import type { Invocation, Outcome, StreamedCall, StreamInvocation } from './invocation.js';
import type { LogLine } from './log-line.js';
import type { CallFunction } from './nested-call.js';
import { Replica } from './replica.js';
import { ReplicaKeeper } from './replica-keeper.js';
import type { ReplicaSpec } from './replica-spec.js';
import { Scaler } from './scaler.js';
import { Slots } from './slots.js';
import type { Worker } from './worker.js';

export interface CallCounters {
  calls: number;
  errors: number;
}

export interface PoolOptions {
  spec: ReplicaSpec;
  replicas: ScaleBounds;
  /** Whether a replica's successor is started before it stops; otherwise after, for where there is no room for both. */
  overlap: boolean;
  batch: BatchOptions;
  maxQueued: number;
  /** Of a call, the queue included; of a stream, how long it may wait in the queue, and then how long nothing may move. */
  timeoutMs: number;
  /** How long a Handler may run on past its call's deadline before its replica is killed. */
  killGraceMs: number;
  /** Counted up for as long as the function lives, whichever revision runs. */
  counters: CallCounters;
  onLog: (replica: number, line: LogLine) => void;
  /** For the Handlers that call other functions. */
  callFunction: CallFunction;
  /** Readiness may have changed. */
  onChange: () => void;
}

/** Where a call goes that waited for a pool when the release changed. */
export type NextPlace = { kind: 'stay' } | { kind: 'pool'; pool: FunctionPool } | { kind: 'refused'; error: DcfError };

/** What a caller is told to wait when the queue is full, in milliseconds. */
const queueFullPauseMs = 100;

const nothing = (): void => undefined;

/** Runs the calls of one revision. It owns the only queue, and sends a call to a worker only while that has room for it. */
export class FunctionPool implements CallOwner {
  readonly keeper: ReplicaKeeper;
  readonly slots: Slots;
  private readonly dispatcher: Dispatcher;
  private readonly scaler: Scaler;
  private unsettled = 0;
  private draining = false;
  private suspended = false;
  private readonly onIdle = new Set<() => void>();

  constructor(private readonly options: PoolOptions) {
    const { spec, batch, replicas, overlap, timeoutMs, killGraceMs, onChange } = options;
    this.keeper = new ReplicaKeeper({
      overlap,
      drainGraceMs: timeoutMs + killGraceMs,
      create: (id) => this.createReplica(id),
      onReady: () => {
        this.dispatcher.pump();
        onChange();
      },
      onEnded: () => {
        this.failHopeless();
        onChange();
      },
    });
    this.dispatcher = new Dispatcher(this.keeper, batch);
    this.scaler = new Scaler(this.keeper, replicas, spec.threads * spec.concurrency * batch.maxSize);
    const { keeper, scaler, dispatcher } = this;
    this.slots = new Slots({ function: spec.function, keeper, scaler, dispatcher, isSuspended: () => this.suspended });
  }

  get function(): string {
    return this.options.spec.function;
  }

  get revision(): string {
    return this.options.spec.revision;
  }

  get queued(): number {
    return this.dispatcher.queued;
  }

  get running(): number {
    return this.keeper.replicas.reduce((sum, replica) => sum + replica.running, 0);
  }

  /** Whether a call is accepted and not answered. */
  get busy(): boolean {
    return this.unsettled > 0;
  }

  /** Whether calls are run together. */
  get batches(): boolean {
    return this.options.batch.maxSize > 1;
  }

  /** How many batches there were of each size, by size. */
  get batchSizes(): readonly number[] {
    return this.dispatcher.batchSizes;
  }

  get counters(): CallCounters {
    return this.options.counters;
  }

  /** Whether a call would be taken and, as far as is known, answered: one at rest starts a replica for it. */
  get available(): boolean {
    return this.keeper.readyCount > 0 || (this.keeper.wanted === 0 && this.scaler.min === 0 && this.keeper.initError === undefined);
  }

  /**
   * Starts the replicas, at least one, and resolves when they are ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause`; replicas go on being tried until `stop`
   */
  start(): Promise<void> {
    return this.scaler.start(Math.max(1, this.scaler.min));
  }

  /** The same for what was ready before: a function that may rest is not started until its first call. */
  restore(): Promise<void> {
    return this.scaler.start(this.scaler.min);
  }

  /** Resolves when no call is accepted and not answered, or else after `graceMs`. */
  async idle(graceMs: number): Promise<void> {
    if (!this.busy) return;
    const idle = defer<void>();
    const cancelTimer = startTimer(graceMs, () => idle.resolve());
    const tell = (): void => idle.resolve();
    this.onIdle.add(tell);
    await idle.promise;
    this.onIdle.delete(tell);
    cancelTimer();
  }

  /** Takes nothing new, finishes what was accepted, and ends every replica; what is left after `graceMs` is killed. */
  async stop(graceMs: number): Promise<void> {
    this.draining = true;
    const until = Date.now() + graceMs;
    await this.idle(graceMs);
    this.stopTimers();
    this.slots.stop();
    await this.keeper.stop(Math.max(0, until - Date.now()));
    for (const call of this.dispatcher.takeAll()) call.fail(this.stopped());
  }

  /** Ends every replica as `stop` does, but goes on accepting calls, which wait. */
  async suspend(graceMs: number): Promise<void> {
    this.suspended = true;
    this.stopTimers();
    await this.keeper.drain(graceMs);
  }

  /** Starts the replicas again. @throws as `start` does */
  resume(): Promise<void> {
    this.suspended = false;
    return this.start();
  }

  /**
   * Asks of every call that waits where it goes now. One that goes to another pool keeps its deadline, and comes in front of
   * what waits there; one that stays with a suspended pool, which runs nothing more, is told so.
   */
  handOver(next: (invocation: Invocation) => NextPlace): void {
    const staying: Call[] = [];
    const leaving = new Map<FunctionPool, Call[]>();
    for (const call of this.dispatcher.takeAll()) {
      const place = next(call.invocation);
      if (place.kind === 'refused') call.fail(place.error);
      else if (place.kind === 'stay') staying.push(call);
      else {
        const calls = leaving.get(place.pool) ?? [];
        calls.push(call);
        leaving.set(place.pool, calls);
      }
    }
    if (this.suspended) for (const call of staying) call.fail(this.replaced());
    else this.dispatcher.putBack(staying);
    for (const [pool, calls] of leaving) {
      this.unsettled -= calls.length;
      pool.adopt(calls);
    }
    this.tellIdle();
  }

  /** Changes between how many replicas there may be. */
  scale(bounds: { min: number; max: number }): void {
    this.scaler.setBounds(bounds);
  }

  /**
   * Accepts a call: its `settle` is called exactly once, by the deadline at the latest, and at once when the call cannot be
   * accepted. Returns what cancels it.
   */
  invoke(invocation: Invocation): () => void {
    const call = new Call(invocation, Math.min(invocation.timeoutMs, this.options.timeoutMs), this);
    const { origin } = invocation;
    if (origin !== undefined) origin.call = call;
    const worker = origin === undefined ? this.dispatcher.room : this.dispatcher.slot;
    if (!this.accepts(call, worker)) return nothing;
    call.cancelTimer = startTimer(call.timeoutMs, () => call.owner.expire(call));
    this.place(call, worker);
    return () => call.owner.cancel(call);
  }

  /** The same for a call in chunks, which may go on for as long as something moves. What it returns is the caller's side of it. */
  stream(invocation: StreamInvocation): StreamedCall {
    const call = new Call(invocation, invocation.timeoutMs, this);
    const stream = new CallStream(call, invocation, this.options.timeoutMs);
    const worker = this.dispatcher.slot;
    call.stream = stream;
    if (!this.accepts(call, worker)) return stream;
    call.cancelTimer = stream.watch();
    this.place(call, worker);
    return stream;
  }

  /** The deadline has passed: the caller hears of it now, the Handler gets the grace to notice. */
  expire(call: Call): void {
    const { holder } = call;
    const { begun } = call;
    this.dispatcher.remove(call);
    call.expired = true;
    if (!call.settled) holder?.cancel(call);
    if (begun && holder !== undefined) this.startKillTimer(call, holder);
    const deadline = `the deadline of ${formatDuration(call.timeoutMs)} passed ${begun ? 'in the Handler' : 'in the queue'}`;
    call.fail(new DcfError('DEADLINE_EXCEEDED', `${this.options.spec.function}: ${call.stream?.lateness ?? deadline}`));
    holder?.home.callEnded();
  }

  /** The caller has given up. A call that runs keeps its slot until the worker answers, or its deadline and the grace pass. */
  cancel(call: Call, error?: DcfError): void {
    if (call.settled) return;
    const { holder } = call;
    this.dispatcher.remove(call);
    holder?.cancel(call);
    call.fail(error ?? new DcfError('CANCELLED', 'the caller gave up'));
    holder?.home.callEnded();
  }

  settled(outcome: Outcome): void {
    this.unsettled -= 1;
    this.scaler.note(this.unsettled);
    if (!outcome.ok) this.options.counters.errors += 1;
    this.tellIdle();
  }

  /** Counts a call, and fails it at once when it cannot be taken. */
  private accepts(call: Call, worker: Worker | undefined): boolean {
    this.unsettled += 1;
    this.options.counters.calls += 1;
    const refusal = worker === undefined || this.draining ? (this.refusal() ?? this.queueFull(call)) : undefined;
    if (refusal !== undefined) call.fail(refusal);
    return refusal === undefined;
  }

  private place(call: Call, worker: Worker | undefined): void {
    if (worker === undefined) this.enqueue(call);
    else this.dispatcher.give(call, worker);
    this.scaler.note(this.unsettled);
  }

  private createReplica(id: number): Replica {
    return new Replica(id, this.options.spec, {
      freed: (worker) => this.dispatcher.feed(worker),
      returned: (call) => {
        if (!call.settled) this.dispatcher.putBack([call]);
      },
      started: (call) => {
        if (call.expired && call.holder !== undefined) this.startKillTimer(call, call.holder);
      },
      retire: (replica, retirement) => {
        const line = `replica ${id} is replaced: ${retirement.why}`;
        this.options.onLog(id, { time: Date.now(), level: 'info', text: line, callId: '', worker: 0 });
        this.keeper.replace(replica, retirement);
      },
      log: (line) => this.options.onLog(id, line),
      callFunction: this.options.callFunction,
    });
  }

  private adopt(calls: readonly Call[]): void {
    for (const call of calls) call.owner = this;
    this.unsettled += calls.length;
    this.scaler.note(this.unsettled);
    this.dispatcher.putBack(calls);
    if (calls.length > 0) this.scaler.wake();
    this.slots.look();
  }

  private enqueue(call: Call): void {
    call.cold = this.keeper.readyCount === 0;
    this.dispatcher.push(call);
    this.scaler.wake();
    if (call.isNested) this.slots.look();
  }

  private refusal(): DcfError | undefined {
    return this.draining ? this.stopped() : this.hopeless();
  }

  /** Why no replica will take a call for a good while; `undefined` when one is ready or soon may be. */
  private hopeless(): DcfError | undefined {
    const { pauseMs, initError, lastFailure, readyCount } = this.keeper;
    if (readyCount > 0 || this.suspended) return undefined;
    if (initError !== undefined)
      return new DcfError('FAILED_PRECONDITION', `${this.options.spec.function} is not ready: ${initError.message}`);
    if (pauseMs === 0) return undefined;
    const message = `${this.options.spec.function} is not ready: ${lastFailure?.text ?? 'its replicas ended'}; it is tried again in ${formatDuration(pauseMs)}`;
    return notStarted(message, { retryAfterMs: Math.ceil(pauseMs) });
  }

  /** Calls from outside leave nested ones their room: those belong to calls that were accepted before. */
  private queueFull(call: Call): DcfError | undefined {
    const { maxQueued, spec } = this.options;
    const queued = call.isNested ? this.dispatcher.queuedNested : this.dispatcher.queued;
    if (queued < maxQueued + this.dispatcher.extraRoom) return undefined;
    return new DcfError('RESOURCE_EXHAUSTED', `the queue of ${spec.function} is full: ${maxQueued} calls wait`, {
      retryAfterMs: queueFullPauseMs,
    });
  }

  private stopped(): DcfError {
    return notStarted(`${this.options.spec.function} is being stopped and takes no new calls`);
  }

  private replaced(): DcfError {
    const { function: name, revision } = this.options.spec;
    return new DcfError('NOT_FOUND', `the revision ${revision} of ${name} was replaced while the call waited for it, and runs no more`);
  }

  private startKillTimer(call: Call, worker: Worker): void {
    call.cancelTimer = startTimer(this.options.killGraceMs, () => {
      worker.home.condemn({ kind: 'deadline', requestId: call.invocation.requestId }, this.options.timeoutMs);
      this.options.onChange();
    });
  }

  /** Nothing will take the queued calls for a good while: they are told now, not at their deadline. */
  private failHopeless(): void {
    const refusal = this.hopeless();
    if (refusal === undefined) return;
    for (const call of this.dispatcher.takeAll()) call.fail(refusal);
  }

  private stopTimers(): void {
    this.scaler.stop();
    this.dispatcher.stop();
  }

  private tellIdle(): void {
    if (this.unsettled > 0 || this.onIdle.size === 0) return;
    for (const tell of this.onIdle) tell();
  }
}
