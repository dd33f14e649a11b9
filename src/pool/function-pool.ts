import { startTimer } from '../core/deadline.js';
import type { DcfError } from '../core/errors.js';
import { Call, type CallOwner } from './calls/call.js';
import { CallStream } from './calls/call-stream.js';
import { hasFailed, type Invocation, type Outcome, type StreamedCall, type StreamInvocation } from './calls/invocation.js';
import { OpenCalls } from './calls/open-calls.js';
import type { CallCounters, PoolOptions } from './pool-options.js';
import { Replica } from './replica/replica.js';
import { ReplicaSet } from './replica/replica-set.js';
import type { Worker } from './replica/worker.js';
import { Admission } from './scheduling/admission.js';
import { CallTermination } from './scheduling/call-termination.js';
import { DeadlockGuard } from './scheduling/deadlock-guard.js';
import { Dispatcher } from './scheduling/dispatcher.js';
import { Scaler } from './scheduling/scaler.js';

/** Where a call goes that waited for a pool when the release changed. */
export type NextPlace = { kind: 'stay' } | { kind: 'pool'; pool: FunctionPool } | { kind: 'refused'; error: DcfError };

const nothing = (): void => undefined;

/** Runs the calls of one revision. It owns the only queue, and sends a call to a worker only while that has room for it. */
export class FunctionPool implements CallOwner {
  readonly keeper: ReplicaSet;
  readonly slots: DeadlockGuard;
  private readonly dispatcher: Dispatcher;
  private readonly scaler: Scaler;
  private readonly admission: Admission;
  private readonly termination: CallTermination;
  private readonly openCalls = new OpenCalls();

  constructor(private readonly options: PoolOptions) {
    const { spec, batch, replicas, overlap, maxQueued, timeoutMs, killGraceMs, onChange } = options;
    this.keeper = new ReplicaSet({
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
    const { function: name, revision } = spec;
    const admission = new Admission({ function: name, revision, maxQueued, keeper, dispatcher });
    this.admission = admission;
    this.slots = new DeadlockGuard({ function: name, keeper, scaler, dispatcher, isSuspended: () => admission.suspended });
    this.termination = new CallTermination({ function: name, dispatcher, killGraceMs, condemnGraceMs: timeoutMs, onCondemned: onChange });
  }

  get function(): string {
    return this.options.spec.function;
  }

  get revision(): string {
    return this.options.spec.revision;
  }

  /** Bytes of one input or output. */
  get maxPayload(): number {
    return this.options.spec.maxPayload;
  }

  get timeoutMs(): number {
    return this.options.timeoutMs;
  }

  get queued(): number {
    return this.dispatcher.queued;
  }

  get running(): number {
    return this.keeper.replicas.reduce((sum, replica) => sum + replica.running, 0);
  }

  /** Whether a call is accepted and not answered. */
  get busy(): boolean {
    return this.openCalls.count > 0;
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
  idle(graceMs: number): Promise<void> {
    return this.openCalls.none(graceMs);
  }

  /** Takes nothing new, finishes what was accepted, and ends every replica; what is left after `graceMs` is killed. */
  async stop(graceMs: number): Promise<void> {
    this.admission.draining = true;
    const until = Date.now() + graceMs;
    await this.idle(graceMs);
    this.stopTimers();
    this.slots.stop();
    await this.keeper.stop(Math.max(0, until - Date.now()));
    for (const call of this.dispatcher.takeAll()) call.fail(this.admission.stopped());
  }

  /** Ends every replica as `stop` does, but goes on accepting calls, which wait. */
  async suspend(graceMs: number): Promise<void> {
    this.admission.suspended = true;
    this.stopTimers();
    await this.keeper.drain(graceMs);
  }

  /** Starts the replicas again. @throws as `start` does */
  resume(): Promise<void> {
    this.admission.suspended = false;
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
    if (this.admission.suspended) for (const call of staying) call.fail(this.admission.replaced());
    else this.dispatcher.putBack(staying);
    for (const [pool, calls] of leaving) {
      this.openCalls.remove(calls.length);
      pool.adopt(calls);
    }
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

  expire(call: Call): void {
    this.termination.expire(call);
  }

  cancel(call: Call, error?: DcfError): void {
    this.termination.cancel(call, error);
  }

  settled(outcome: Outcome): void {
    if (hasFailed(outcome)) this.options.counters.errors += 1;
    this.openCalls.remove(1);
    this.scaler.note(this.openCalls.count);
  }

  /** Counts a call, and fails it at once when it cannot be taken. */
  private accepts(call: Call, worker: Worker | undefined): boolean {
    this.openCalls.add(1);
    this.options.counters.calls += 1;
    const refusal = this.admission.refusal(call, worker);
    if (refusal !== undefined) call.fail(refusal);
    return refusal === undefined;
  }

  private place(call: Call, worker: Worker | undefined): void {
    if (worker === undefined) this.enqueue(call);
    else this.dispatcher.give(call, worker);
    this.scaler.note(this.openCalls.count);
  }

  private createReplica(id: number): Replica {
    return new Replica(id, this.options.spec, {
      freed: (worker) => this.dispatcher.feed(worker),
      returned: (call) => {
        if (!call.settled) this.dispatcher.putBack([call]);
      },
      started: (call) => this.termination.begun(call),
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
    this.openCalls.add(calls.length);
    this.scaler.note(this.openCalls.count);
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

  /** Nothing will take the queued calls for a good while: they are told now, not at their deadline. */
  private failHopeless(): void {
    const refusal = this.admission.hopeless();
    if (refusal === undefined) return;
    for (const call of this.dispatcher.takeAll()) call.fail(refusal);
  }

  private stopTimers(): void {
    this.scaler.stop();
    this.dispatcher.stop();
  }
}
