import type { TestContext } from 'node:test';
import type { Manifest, ManifestInput } from '@dcf/sdk/manifest';
import { startTimer } from '../../src/core/deadline.js';
import { DcfError } from '../../src/core/errors.js';
import type { CallReport, Outcome } from '../../src/pool/calls/invocation.js';
import type { NestedCall } from '../../src/pool/calls/nested-call.js';
import { callsNeedDaemon } from '../../src/pool/calls/nested-calls.js';
import { FunctionPool } from '../../src/pool/function-pool.js';
import { type PoolHost, poolOptions } from '../../src/pool/pool-options.js';
import type { PoolEvents, PoolWorker } from '../../src/pool/replica/pool-events.js';
import { type ReplicaSpec, replicaSpec } from '../../src/pool/replica/replica-spec.js';
import type { Scale } from '../../src/registry/model/release.js';
import { FakeReplica, FakeWorker } from './fake-pool.js';
import { manifestOf } from './registry.js';

/** What a replica without a process does when it is started: nothing, or one of `becomeReady` and `failStart`. */
export type OnStart = (replica: PooledReplica) => void;

/** A replica without a process, for a whole pool: it leaves by itself once it is told to and has no calls. */
export class PooledReplica extends FakeReplica {
  constructor(
    id: number,
    { threads, concurrency }: Pick<ReplicaSpec, 'threads' | 'concurrency'>,
    readonly events: PoolEvents,
    private readonly onStart: OnStart,
  ) {
    super(id);
    const slotFreed = (worker: PoolWorker): void => {
      events.slotFreed(worker);
      this.leaveWhenIdle();
    };
    this.workers = Array.from({ length: threads }, (_, index) => new FakeWorker({ ...events, slotFreed }, index, id, concurrency));
    for (const worker of this.workers) worker.ready = false;
  }

  override start(): Promise<void> {
    queueMicrotask(() => this.onStart(this));
    return super.start();
  }

  override becomeReady(): void {
    if (this.phase !== 'starting') return;
    for (const worker of this.workers) worker.ready = true;
    super.becomeReady();
  }

  override async drain(graceMs: number): Promise<void> {
    this.discarded = true;
    if (this.phase === 'starting') this.finish('it was stopped', 'stopped');
    if (this.phase === 'ready') this.phase = 'draining';
    for (const worker of this.workers) worker.accepting = false;
    this.leaveWhenIdle();
    const cancelTimer = startTimer(graceMs, () => this.kill('it was stopped', 'stopped'));
    await this.ended;
    cancelTimer();
  }

  /** Ends it as the end of its process would. */
  kill(text = 'it exited with code 1', reason = 'exit:1'): void {
    if (this.phase === 'ended') return;
    const error = new DcfError('INTERNAL', `the worker died while it ran the call: ${text}`, { reason });
    this.phase = 'ended';
    for (const worker of this.workers) {
      worker.ready = false;
      worker.die(error);
    }
    this.finish(text, reason);
  }

  private leaveWhenIdle(): void {
    if (this.phase === 'draining' && this.running === 0) this.finish('it was stopped', 'stopped');
  }
}

/** A pool whose replicas are no processes, with all replicas that it ever had. */
export interface FakeFunctionPool {
  readonly pool: FunctionPool;
  readonly made: readonly PooledReplica[];
}

/** Makes a pool whose replicas do `onStart` when they are started. */
export function makeFakePool(manifest: Manifest, host: PoolHost, onStart: OnStart, scale?: Scale): FakeFunctionPool {
  const made: PooledReplica[] = [];
  const createReplica = (id: number, spec: ReplicaSpec, events: PoolEvents): PooledReplica => {
    const replica = new PooledReplica(id, spec, events, onStart);
    made.push(replica);
    return replica;
  };
  return { pool: new FunctionPool(poolOptions(manifest, { ...host, createReplica }, scale)), made };
}

/** A call of a pool, and how it ended. */
export interface PoolCall {
  /** Its outcomes: none before it is settled, and never more than one. */
  readonly outcomes: readonly Outcome[];
  readonly reports: readonly CallReport[];
  /** Its output, or the code and the message of its error; `undefined` before it is settled. */
  readonly ended: string | undefined;
  readonly cancel: () => void;
}

/** What a call may bring along. */
export interface PoolCallOptions {
  input?: string;
  selector?: string;
  timeoutMs?: number;
  origin?: NestedCall;
}

/** Calls a pool. */
export function callPool(pool: FunctionPool, requestId: string, options: PoolCallOptions = {}): PoolCall {
  const outcomes: Outcome[] = [];
  const reports: CallReport[] = [];
  const { input = requestId, selector, timeoutMs = Number.POSITIVE_INFINITY, origin } = options;
  const cancel = pool.invoke({
    requestId,
    selector,
    input: Buffer.from(input),
    timeoutMs,
    metadata: undefined,
    origin,
    settle: (outcome, reported) => {
      outcomes.push(outcome);
      reports.push(reported.report());
    },
  });
  return {
    outcomes,
    reports,
    cancel,
    get ended() {
      const [outcome] = outcomes;
      if (outcome === undefined) return undefined;
      return outcome.ok ? Buffer.from(outcome.output).toString() : `${outcome.error.code} ${outcome.error.message}`;
    },
  };
}

/** A pool of its own for one test, which ends with it. */
export function fakeFunctionPool(t: TestContext, given: Omit<ManifestInput, 'name'> = {}, onStart: OnStart = (one) => one.becomeReady()) {
  const manifest = manifestOf({ name: 'tested', handler: 'handler.mjs', ...given });
  const spec = replicaSpec(manifest, { revision: 'r1', directory: '/nowhere', resources: {}, providers: ['cpu'] });
  const counters = { calls: 0, errors: 0 };
  const changes = { count: 0 };
  const lines: string[] = [];
  const host: PoolHost = {
    spec,
    killGraceMs: 200,
    counters,
    callFunction: callsNeedDaemon,
    onLog: (replica, { text }) => lines.push(`${replica} ${text}`),
    onChange: () => {
      changes.count += 1;
    },
  };
  const fake = makeFakePool(manifest, host, onStart);
  t.after(() => {
    // A clock that stands still would have it wait for ever.
    t.mock.timers.reset();
    return fake.pool.stop(0);
  });
  /** The worker of a replica, by the replica's number. */
  const worker = (replica = fake.made.length, index = 0): FakeWorker => {
    const found = fake.made[replica - 1]?.workers[index];
    if (found === undefined) throw new Error(`there is no worker ${index} of replica ${replica}`);
    return found;
  };
  return { ...fake, worker, counters, changes, lines, call: (id: string, options?: PoolCallOptions) => callPool(fake.pool, id, options) };
}
