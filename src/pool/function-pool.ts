import { startTimer } from '../core/deadline.js';
import type { DcfError } from '../core/errors.js';
import { Call, type CallOwner } from './calls/call.js';
import { CallStream } from './calls/call-stream.js';
import type { SlotOwner } from './calls/deadlock.js';
import { hasFailed, type Invocation, type Outcome, type StreamedCall, type StreamInvocation } from './calls/invocation.js';
import { OpenCalls } from './calls/open-calls.js';
import { noRedaction, type Redactor, redactError, redactLine } from './output/redaction.js';
import type { PoolOptions } from './pool-options.js';
import { type PoolSnapshot, poolSnapshot, type ShownReplica } from './pool-snapshot.js';
import type { PoolEvents, PoolWorker } from './replica/pool-events.js';
import { Replica } from './replica/replica.js';
import { ReplicaSet } from './replica/replica-set.js';
import { Admission } from './scheduling/admission.js';
import { CallTermination } from './scheduling/call-termination.js';
import { DeadlockGuard } from './scheduling/deadlock-guard.js';
import { Dispatcher } from './scheduling/dispatcher.js';
import { type NextPlace, sortWaiting } from './scheduling/hand-over.js';
import { Scaler } from './scheduling/scaler.js';

const nothing = (): void => undefined;

/** Runs the calls of one revision. It owns their only queue, and sends a call to a worker only while the worker has room for it. */
export class FunctionPool implements CallOwner {
  readonly slots: SlotOwner;
  private readonly replicas: ReplicaSet<ShownReplica>;
  private readonly deadlockGuard: DeadlockGuard;
  private readonly dispatcher: Dispatcher;
  private readonly scaler: Scaler;
  private readonly admission: Admission;
  private readonly termination: CallTermination;
  private readonly openCalls = new OpenCalls();
  private readonly redactor: Redactor;

  constructor(private readonly options: PoolOptions) {
    const { spec, batch, replicas: bounds, overlap, timeoutMs, killGraceMs, onChange } = options;
    const { createReplica = (id, ...rest) => new Replica(id, ...rest) } = options;
    this.redactor = options.secrets ?? noRedaction;
    const events = this.poolEvents();
    this.replicas = new ReplicaSet({
      overlap,
      drainGraceMs: timeoutMs + killGraceMs,
      create: (id) => createReplica(id, spec, events),
      onReady: () => {
        this.dispatcher.pump();
        onChange();
      },
      onEnded: () => {
        this.failUnavailable();
        onChange();
      },
    });
    this.dispatcher = new Dispatcher(this.replicas, options);
    this.scaler = new Scaler(this.replicas, bounds, spec.threads * spec.concurrency * batch.maxSize);
    // Each part reads of the options what it declares.
    const { replicas, scaler, dispatcher: queue } = this;
    const parts = { ...options, function: spec.function, revision: spec.revision, replicas, scaler, queue };
    const admission = new Admission(parts);
    this.admission = admission;
    this.deadlockGuard = new DeadlockGuard({ ...parts, isSuspended: () => admission.suspended });
    this.slots = this.deadlockGuard;
    this.termination = new CallTermination({ ...parts, condemnGraceMs: timeoutMs, onCondemned: onChange });
  }

  get function(): string {
    return this.options.spec.function;
  }

  get revision(): string {
    return this.options.spec.revision;
  }

  /** The most bytes of one input or output. */
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
    return this.replicas.replicas.reduce((sum, replica) => sum + replica.running, 0);
  }

  /** Whether any call is accepted and not answered. */
  get busy(): boolean {
    return this.openCalls.count > 0;
  }

  /** Whether a Handler may get several calls together. */
  get batches(): boolean {
    return this.options.batch.maxSize > 1;
  }

  /** How many batches there were of each size, by size. */
  get batchSizes(): readonly number[] {
    return this.dispatcher.batchSizes;
  }

  /** The pool as it is now. */
  snapshot(): PoolSnapshot {
    return poolSnapshot(this.replicas, this.redactor);
  }

  /** Whether a secret was changed since a replica was started last: replicas that start now would get another. */
  get outdated(): boolean {
    return this.options.secrets?.outdated ?? false;
  }

  /** Whether a call would be accepted and, as far as is known, answered. A pool that has scaled to zero starts a replica for it. */
  get available(): boolean {
    return this.replicas.readyCount > 0 || (this.replicas.wanted === 0 && this.scaler.min === 0 && this.replicas.initError === undefined);
  }

  /**
   * Starts the replicas, at least one, and resolves when they are ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause`; starts are tried again until `stop`
   */
  start(): Promise<void> {
    return this.startReplicas(Math.max(1, this.scaler.min));
  }

  /** Starts `replicas.min` replicas of a revision that was ready before: with 0 the first call starts one. @throws as `start` does */
  restore(): Promise<void> {
    return this.startReplicas(this.scaler.min);
  }

  /** Resolves when every accepted call is answered, at the latest after `graceMs`. */
  idle(graceMs: number): Promise<void> {
    return this.openCalls.whenNone(graceMs);
  }

  /** Refuses new calls, finishes the accepted ones, and ends every replica. Replicas that are left after `graceMs` are killed. */
  async stop(graceMs: number): Promise<void> {
    this.admission.draining = true;
    const until = Date.now() + graceMs;
    try {
      await this.idle(graceMs);
      this.stopTimers();
      this.deadlockGuard.stop();
      await this.replicas.stop(Math.max(0, until - Date.now()));
      for (const call of this.dispatcher.takeAll()) call.fail(this.admission.stopped());
    } finally {
      await this.options.secrets?.close();
    }
  }

  /** Ends every replica as `stop` does, but goes on accepting calls, which wait. */
  async suspend(graceMs: number): Promise<void> {
    this.admission.suspended = true;
    this.stopTimers();
    await this.replicas.drain(graceMs);
  }

  /** Starts the replicas of a suspended pool again. @throws as `start` does */
  async resume(): Promise<void> {
    if (!this.admission.suspended) return;
    this.admission.suspended = false;
    await this.start();
  }

  /**
   * Asks `next` for every queued call where it goes now. A call that goes to another pool keeps its deadline, and comes before the
   * calls that are queued there. A call that stays with a suspended pool, which starts no replica any more, fails.
   */
  handOver(next: (invocation: Invocation) => NextPlace<FunctionPool>): void {
    const { staying, leaving } = sortWaiting(this.dispatcher.takeAll(), next);
    if (this.admission.suspended) for (const call of staying) call.fail(this.admission.replaced());
    else this.dispatcher.putBack(staying);
    for (const [pool, calls] of leaving) {
      this.openCalls.remove(calls.length);
      pool.adopt(calls);
    }
  }

  /** Changes the least and the most replicas. */
  scale(bounds: { min: number; max: number }): void {
    this.scaler.setBounds(bounds);
  }

  /**
   * Accepts a call: its `settle` is called exactly once, at the latest at the deadline, and at once when the call cannot be
   * accepted. Returns a function that cancels the call.
   */
  invoke(invocation: Invocation): () => void {
    const call = new Call(invocation, Math.min(invocation.timeoutMs, this.options.timeoutMs), this);
    const { origin } = invocation;
    origin?.accepted(call);
    const worker = origin === undefined ? this.dispatcher.workerWithRoom : this.dispatcher.workerWithSlot;
    if (!this.accepts(call, worker)) return nothing;
    call.setTimer(startTimer(call.timeoutMs, () => call.expire()));
    this.place(call, worker);
    return () => call.cancel();
  }

  /** Accepts a streamed call, which may go on for as long as chunks move. Returns the caller's side of it. */
  stream(invocation: StreamInvocation): StreamedCall {
    const call = new Call(invocation, invocation.timeoutMs, this);
    const stream = new CallStream(call, invocation, this.options.timeoutMs);
    const worker = this.dispatcher.workerWithSlot;
    call.attachStream(stream);
    if (!this.accepts(call, worker)) return stream;
    call.setTimer(stream.watch());
    this.place(call, worker);
    return stream;
  }

  expire(call: Call): void {
    this.termination.expire(call);
  }

  cancel(call: Call, error?: DcfError): void {
    this.termination.cancel(call, error);
  }

  settled(outcome: Outcome): Outcome {
    if (hasFailed(outcome)) this.options.counters.errors += 1;
    this.openCalls.remove(1);
    this.scaler.note(this.openCalls.count);
    return outcome.ok ? outcome : { ok: false, error: redactError(outcome.error, this.redactor) };
  }

  private async startReplicas(count: number): Promise<void> {
    try {
      await this.scaler.start(count);
    } catch (error) {
      throw redactError(error, this.redactor);
    }
  }

  /** Counts a call, and fails it at once when it cannot be accepted. */
  private accepts(call: Call, worker: PoolWorker | undefined): boolean {
    this.openCalls.add(1);
    this.options.counters.calls += 1;
    const refusal = this.admission.refusal(call, worker);
    if (refusal !== undefined) call.fail(refusal);
    return refusal === undefined;
  }

  private place(call: Call, worker: PoolWorker | undefined): void {
    if (worker === undefined) this.enqueue(call);
    else this.dispatcher.give(call, worker);
    this.scaler.note(this.openCalls.count);
  }

  private poolEvents(): PoolEvents {
    const { onLog, callFunction } = this.options;
    const log: PoolEvents['log'] = (replica, line) => onLog(replica, redactLine(line, this.redactor));
    return {
      slotFreed: (worker) => this.dispatcher.feed(worker),
      callReturned: (call) => {
        if (!call.settled) this.dispatcher.putBack([call]);
      },
      callStarted: (call) => this.termination.begun(call),
      replicaRetires: (replica, retirement) => {
        const text = `replica ${replica.id} is replaced: ${retirement.why}`;
        log(replica.id, { time: Date.now(), level: 'info', text, callId: '', worker: 0 });
        this.replicas.replace(replica, retirement);
      },
      log,
      callFunction,
    };
  }

  private adopt(calls: readonly Call[]): void {
    for (const call of calls) call.moveTo(this);
    this.openCalls.add(calls.length);
    this.scaler.note(this.openCalls.count);
    this.dispatcher.putBack(calls);
    if (calls.length > 0) this.scaler.wake();
    this.deadlockGuard.check();
  }

  private enqueue(call: Call): void {
    if (this.replicas.readyCount === 0) call.waitForReplica();
    this.dispatcher.push(call);
    this.scaler.wake();
    if (call.isNested) this.deadlockGuard.check();
  }

  /** Fails the queued calls when no replica will be ready soon: now, and not only at their deadlines. */
  private failUnavailable(): void {
    const refusal = this.admission.unavailable();
    if (refusal === undefined) return;
    for (const call of this.dispatcher.takeAll()) call.fail(refusal);
  }

  private stopTimers(): void {
    this.scaler.stop();
    this.dispatcher.stop();
  }
}
