import type { TestContext } from 'node:test';
import { type DcfError, messageOf } from '../../src/core/errors.js';
import { type Deferred, defer } from '../../src/core/promises.js';
import { Call, type CallOwner } from '../../src/pool/calls/call.js';
import type { Invocation, Outcome } from '../../src/pool/calls/invocation.js';
import type { ShownReplica, ShownWorker } from '../../src/pool/pool-snapshot.js';
import type { EndReason } from '../../src/pool/replica/end-reason.js';
import type { PoolEvents, ReplicaPhase } from '../../src/pool/replica/pool-events.js';
import type { ReadyHeader } from '../../src/wire/messages.js';

/** A clock that stands still until a test moves it: timers, `setImmediate`, `Date` and `performance.now()`. */
export interface FakeClock {
  /** Moves the clock; timers run at their times, and what waits for a promise gets its turn. */
  tick: (ms: number) => Promise<void>;
}

const turn = setImmediate;

export function fakeClock(t: TestContext): FakeClock {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate', 'Date'], now: 1_000_000 });
  t.mock.method(performance, 'now', () => Date.now() - 999_000);
  const settle = () => new Promise<void>((resolve) => turn(resolve));
  return {
    tick: async (ms) => {
      // Timers that are set while others run count from the time that these run at.
      const step = ms <= 250 ? 1 : ms <= 5_000 ? 5 : 50;
      for (let rest = ms; rest > 0 || rest === ms; rest -= step) {
        await settle();
        t.mock.timers.tick(Math.min(step, rest));
      }
      await settle();
    },
  };
}

/** A worker without a process: it keeps what it is given until the test answers. */
export class FakeWorker implements ShownWorker {
  readonly memory = { rss: 0, peak: 0 };
  readonly providers = ['cpu'];
  ready = true;
  /** Whether it takes calls; a replica that leaves takes none. */
  accepting = true;
  takesBatches = false;
  /** Whether a call may be sent ahead while every slot is taken. */
  quick = false;
  usualRunMs: number | undefined;
  /** What it was given, in order: the ids of the calls that came at once. */
  readonly given: string[][] = [];
  readonly cancelled: string[] = [];
  readonly condemned: string[] = [];
  recalls = 0;
  abandoned = 0;
  private readonly groups: Call[][] = [];
  private ahead: Call | undefined;
  private lastId = 0;

  constructor(
    private readonly events: Pick<PoolEvents, 'slotFreed' | 'callReturned' | 'callStarted'>,
    readonly index = 0,
    readonly replicaId = 1,
    private readonly slots = 1,
  ) {}

  get readiness(): ReadyHeader | undefined {
    return this.ready ? { providers: this.providers, callBatch: this.takesBatches, initMs: 0 } : undefined;
  }

  /** Calls that it got. */
  get calls(): number {
    return this.lastId;
  }

  get freeSlots(): number {
    return this.ready && this.accepting ? this.slots - this.groups.length : 0;
  }

  get takesAhead(): boolean {
    return this.ready && this.accepting && this.quick && this.ahead === undefined && this.groups.length === this.slots;
  }

  get aheadAge(): number {
    return this.ahead?.age ?? 0;
  }

  get running(): number {
    return this.groups.flat().length + (this.ahead === undefined ? 0 : 1);
  }

  holders(): readonly Call[] {
    return this.groups.flat();
  }

  dispatch(call: Call): void {
    const ahead = this.freeSlots === 0;
    this.take([call], ahead);
    if (ahead) this.ahead = call;
    else this.groups.push([call]);
  }

  dispatchBatch(calls: readonly Call[]): void {
    const batch = { size: calls.length, left: calls.length };
    for (const call of calls) call.joinBatch(batch);
    this.take(calls, false);
    this.groups.push([...calls]);
  }

  cancel(call: Call): void {
    this.cancelled.push(call.invocation.requestId);
  }

  callAbandoned(): void {
    this.abandoned += 1;
  }

  condemnFor(call: Call, graceMs: number): void {
    this.condemned.push(`${call.invocation.requestId} ${graceMs}`);
  }

  recall(): void {
    this.recalls += 1;
  }

  /** Answers the calls that it got at once first; each with `text` and what the call brought along. */
  answer(text = ''): void {
    for (const call of this.groups.shift() ?? []) {
      call.release();
      const output = Buffer.concat([Buffer.from(text), call.invocation.input]);
      call.end({ ok: true, output, kind: 'bytes', headroom: 0, release: () => undefined });
    }
    this.events.slotFreed(this);
  }

  /** Begins the call that was sent ahead. */
  startAhead(): void {
    const call = this.takeAhead();
    call.begin();
    this.groups.push([call]);
    this.events.callStarted(call);
  }

  /** Gives the call back that was sent ahead. */
  returnAhead(): void {
    const call = this.takeAhead();
    call.release();
    this.events.callReturned(call);
  }

  /** Its process has ended: what it ran fails, and a call that was sent ahead comes back. */
  die(error: DcfError): void {
    for (const call of this.groups.splice(0).flat()) {
      call.release();
      call.fail(error);
    }
    if (this.ahead !== undefined) this.returnAhead();
  }

  private take(calls: readonly Call[], ahead: boolean): void {
    this.given.push(calls.map(({ invocation }) => invocation.requestId));
    for (const call of calls) {
      this.lastId += 1;
      call.assign(this, this.lastId, ahead);
    }
  }

  private takeAhead(): Call {
    const { ahead } = this;
    if (ahead === undefined) throw new Error('no call was sent ahead');
    this.ahead = undefined;
    return ahead;
  }
}

/** A replica without a process: it becomes ready, and ends, when the test says so. */
export class FakeReplica implements ShownReplica {
  readonly pid = 0;
  readonly startedAt = 0;
  readonly devices: readonly string[] = [];
  readonly spawned = undefined;
  phase: ReplicaPhase = 'starting';
  age = 0;
  discarded = false;
  workers: readonly FakeWorker[] = [];
  private readonly started = defer<void>();
  private readonly end: Deferred<EndReason> = defer();

  constructor(readonly id: number) {}

  get running(): number {
    return this.workers.reduce((sum, { running }) => sum + running, 0);
  }

  get ended(): Promise<EndReason> {
    return this.end.promise;
  }

  start(): Promise<void> {
    return this.started.promise;
  }

  drain(_graceMs: number): Promise<void> {
    this.discarded = true;
    if (this.phase === 'ready') this.phase = 'draining';
    return this.end.promise.then(() => undefined);
  }

  becomeReady(): void {
    this.phase = 'ready';
    this.started.resolve();
  }

  /** Its Handler could not be built. */
  failStart(error: DcfError): void {
    this.started.reject(error);
    this.finish(messageOf(error));
  }

  finish(text = 'it exited with code 1', reason = 'exit:1'): void {
    this.phase = 'ended';
    this.started.reject(new Error(text));
    this.end.resolve({ text, reason });
  }
}

/** A call that a test makes, and how it ended. */
export interface FakeCall {
  readonly call: Call;
  /** Its outcomes: none before it is settled, and never more than one. */
  readonly outcomes: Outcome[];
}

/** Makes a call of a pool that is not there. */
export function fakeCall(owner: CallOwner, requestId: string, timeoutMs = 10_000, more: Partial<Invocation> = {}): FakeCall {
  const outcomes: Outcome[] = [];
  const settle = (outcome: Outcome): void => void outcomes.push(outcome);
  const invocation = { requestId, selector: undefined, input: new Uint8Array(), timeoutMs, metadata: undefined, settle, ...more };
  return { call: new Call(invocation, timeoutMs, owner), outcomes };
}
