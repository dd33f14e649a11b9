import type { OnReadOpts, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { startTimer } from '../core/deadline.js';
import { DcfError } from '../core/errors.js';
import { defer } from '../core/promises.js';
import { formatSize } from '../core/units.js';
import { FrameError } from '../wire/frame.js';
import type { Call } from './call.js';
import { type DeviceLease, unmanagedDevices } from './device-lease.js';
import { describeEnd, type EndReason, type KillReason } from './end-reason.js';
import type { LogLine } from './log-line.js';
import type { MemoryUse } from './memory-watch.js';
import type { CallFunction } from './nested-call.js';
import { ReplicaOutput } from './replica-output.js';
import { initHeader, type ReplicaSpec } from './replica-spec.js';
import { type Exit, type SpawnedProcess, spawnReplica } from './spawn.js';
import { Worker } from './worker.js';

export interface ReplicaEvents {
  freed: (worker: Worker) => void;
  /** A call comes back that no Handler has begun. */
  returned: (call: Call) => void;
  started: (call: Call) => void;
  /** It should be replaced, for what it says of itself or because its time has come. */
  retire: (replica: Replica, retirement: Retirement) => void;
  log: (line: LogLine) => void;
  callFunction: CallFunction;
}

/** Why a replica that still works is to be replaced. A fault, unlike old age, is followed by a pause. */
export interface Retirement {
  kind: 'fault' | 'recycle';
  why: string;
}

/**
 * starting → ready → draining → ended. A replica with a stuck call is condemned: it takes nothing new, lets its other calls
 * finish, and is then killed.
 */
export type ReplicaState = 'starting' | 'ready' | 'draining' | 'condemned' | 'ended';

/** After its stream has ended, a process gets this long to exit and so to tell its own exit code. */
const exitGraceMs = 1_000;

/** One child process of a revision, from its spawn to its end. It is never started twice. */
export class Replica {
  state: ReplicaState = 'starting';
  readonly startedAt = Date.now();
  workers: readonly Worker[] = [];
  private readonly startedClock = performance.now();
  private process: SpawnedProcess | undefined;
  private killed: KillReason | undefined;
  private condemned: KillReason | undefined;
  private exit: Exit | undefined;
  private initError: DcfError | undefined;
  private readonly output: ReplicaOutput;
  private lease: DeviceLease = unmanagedDevices;
  private readonly leaving = new AbortController();
  private openStreams = 0;
  /** It was told to leave: its end is no failure. */
  discarded = false;
  private retiring = false;
  private readonly end = defer<EndReason>();
  private readonly ready = defer<void>();

  constructor(
    readonly id: number,
    private readonly spec: ReplicaSpec,
    private readonly events: ReplicaEvents,
  ) {
    this.output = new ReplicaOutput(events.log);
    // Whoever starts a replica awaits `start`; these two may come to nobody.
    this.ready.promise.catch(() => undefined);
  }

  /** Resolves with the reason when the process is gone and its calls are failed. */
  get ended(): Promise<EndReason> {
    return this.end.promise;
  }

  /** Its process, once there is one. */
  get spawned(): SpawnedProcess | undefined {
    return this.process;
  }

  /** The devices that it was given, as `CUDA_VISIBLE_DEVICES` counts them. */
  get devices(): readonly string[] {
    return this.lease.devices ?? [];
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  /** Calls that its workers got, from the first on. */
  get calls(): number {
    return this.workers.reduce((sum, worker) => sum + worker.calls, 0);
  }

  get running(): number {
    return this.workers.reduce((sum, worker) => sum + worker.running, 0);
  }

  takesLine(): boolean {
    return this.output.takesLine();
  }

  get memory(): MemoryUse {
    return this.process?.memory() ?? { rss: 0, peak: 0 };
  }

  /** Milliseconds since it was started. */
  get age(): number {
    return performance.now() - this.startedClock;
  }

  /**
   * Starts the process and builds its Handlers. Resolves when every worker is ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause`; the process is then gone
   */
  async start(): Promise<void> {
    this.lease = this.spec.leaseDevices();
    void this.ended.then(() => this.lease.release());
    const endTurn = await this.orFinish(() => this.lease.turn(this.leaving.signal));
    try {
      await this.build(await this.orFinish(() => this.spawn()));
    } finally {
      endTurn();
    }
  }

  /** Ends before there is a process when the step fails. */
  private async orFinish<Value>(step: () => Promise<Value>): Promise<Value> {
    try {
      return await step();
    } catch (error) {
      this.finish({ text: 'no process could be started', reason: 'spawn' });
      throw error;
    }
  }

  private async build(spawned: SpawnedProcess): Promise<void> {
    this.process = spawned;
    this.output.read(spawned.stdout, 'info');
    this.output.read(spawned.stderr, 'warn');
    void spawned.exited.then((exit) => this.exited(exit));
    if (this.killed !== undefined) spawned.kill();
    const cancelTimer = startTimer(this.spec.initTimeoutMs, () => this.kill({ kind: 'init timeout' }));
    try {
      await this.ready.promise;
    } finally {
      cancelTimer();
    }
  }

  /** Ends the process at once, and all that it started. The calls that it ran fail with the reason. */
  kill(reason: KillReason): void {
    if (this.state === 'ended') return;
    this.killed ??= reason;
    this.leaving.abort();
    this.process?.kill();
  }

  /**
   * One of its calls is stuck: it takes nothing new, and is killed as soon as every call that somebody waits for has ended, or
   * after `graceMs`: streams may go on without end.
   */
  condemn(reason: KillReason, graceMs: number): void {
    if (this.state === 'ended' || this.state === 'condemned') return;
    this.state = 'condemned';
    this.condemned = reason;
    void this.ended.then(startTimer(graceMs, () => this.kill(reason)));
    for (const worker of this.workers) worker.close();
    this.endCondemned();
  }

  /** One of its calls was answered, or is not waited for any more. */
  callEnded(): void {
    if (this.state === 'condemned') this.endCondemned();
    else this.retireWhenDue();
  }

  /**
   * Lets it finish what it runs, and kills it after `graceMs`; with `streamsMayEnd`, not while one of its streams goes on. Resolves
   * when the process is gone.
   */
  async drain(graceMs: number, streamsMayEnd = false): Promise<void> {
    this.discarded = true;
    if (this.state === 'starting') this.kill({ kind: 'stopped' });
    if (this.state === 'ready') {
      this.state = 'draining';
      for (const worker of this.workers) worker.drain();
    }
    const late = (): void => {
      if (streamsMayEnd && this.workers.some((worker) => worker.streaming)) cancelTimer = startTimer(graceMs, late);
      else this.kill({ kind: 'stopped' });
    };
    let cancelTimer = startTimer(graceMs, late);
    await this.ended;
    cancelTimer();
  }

  private endCondemned(): void {
    if (this.condemned !== undefined && !this.workers.some((worker) => worker.busy)) this.kill(this.condemned);
  }

  private retireWhenDue(): void {
    const { maxCalls, maxMemory } = this.spec.recycle;
    if (maxCalls === undefined && maxMemory === undefined) return;
    if (maxCalls !== undefined && this.calls >= maxCalls) this.retire({ kind: 'recycle', why: `it has had ${maxCalls} calls` });
    else if (maxMemory !== undefined && this.memory.rss >= maxMemory)
      this.retire({ kind: 'recycle', why: `it uses ${formatSize(this.memory.rss)}` });
  }

  private retire(retirement: Retirement): void {
    if (this.retiring || this.state !== 'ready') return;
    this.retiring = true;
    this.events.retire(this, retirement);
  }

  private spawn(): Promise<SpawnedProcess> {
    const { threads, runtime, directory, environment, confinement, starter } = this.spec;
    const options = { threads, runtime, directory, environment, devices: this.lease.devices, confinement, starter: starter() };
    return spawnReplica(options, { create: (open, index) => this.createWorker(open, index), discard: () => this.discardWorkers() });
  }

  private discardWorkers(): void {
    this.workers = [];
    this.openStreams = 0;
  }

  private createWorker(open: (onread: OnReadOpts) => Socket, index: number): void {
    const worker = new Worker(open, initHeader(this.spec, index, this.devices), this, {
      ready: () => this.workerReady(index),
      initFailed: (message, stack) => {
        const cause = new Error(message);
        cause.stack = stack === '' ? message : stack;
        this.initError = new DcfError('FAILED_PRECONDITION', `the Handler could not be built: ${message}`, { cause });
        this.ready.reject(this.initError);
      },
      freed: (freed) => {
        this.callEnded();
        this.events.freed(freed);
      },
      returned: this.events.returned,
      started: this.events.started,
      retire: (why) => this.retire({ kind: 'fault', why }),
      log: this.events.log,
      callFunction: this.events.callFunction,
      closed: (error) => {
        if (this.workers.includes(worker)) this.streamClosed(error);
      },
    });
    this.workers = [...this.workers, worker];
    this.openStreams += 1;
    if (index === 0 || !this.buildsInTurn) worker.build();
  }

  /** Models that are loaded on a device at once need the most memory of each at once. */
  private get buildsInTurn(): boolean {
    return this.devices.length > 0;
  }

  private workerReady(index: number): void {
    if (this.buildsInTurn) this.workers[index + 1]?.build();
    if (this.state !== 'starting' || this.workers.some((worker) => worker.readiness === undefined)) return;
    this.state = 'ready';
    this.output.started();
    this.ready.resolve();
  }

  private streamClosed(error: Error | undefined): void {
    if (this.state === 'ended') return;
    this.openStreams -= 1;
    if (this.exit !== undefined) {
      if (this.openStreams === 0) this.finish(describeEnd(this.exit, this.killed));
      return;
    }
    if (error instanceof FrameError || error instanceof DcfError) {
      this.kill({ kind: 'protocol', problem: error.message });
      return;
    }
    // It has not been started yet: how that ends its starter tells.
    if (this.process === undefined) return;
    // Of several workers the idle ones leave first, while the others still finish their calls.
    if (this.state === 'draining' && this.openStreams > 0) return;
    const cancelTimer = startTimer(exitGraceMs, () => this.kill({ kind: 'stream closed' }));
    void this.ended.then(cancelTimer);
  }

  /** What it wrote before its end is read first: it tells which calls were answered, and which had begun. */
  private exited(exit: Exit): void {
    this.exit = exit;
    const finish = (): void => this.finish(describeEnd(exit, this.killed));
    if (this.openStreams === 0) {
      finish();
      return;
    }
    // Something that it started and that left its process group may hold the other end open.
    const cancelTimer = startTimer(exitGraceMs, finish);
    void this.ended.then(cancelTimer);
  }

  private finish(end: EndReason): void {
    if (this.state === 'ended') return;
    const before = this.state;
    this.state = 'ended';
    if (before === 'starting') this.ready.reject(this.initError ?? this.output.startError(end));
    const error = new DcfError('INTERNAL', `the worker died while it ran the call: ${end.text}`, { reason: end.reason });
    for (const worker of this.workers) {
      const returned = worker.failAll(error);
      if (returned !== undefined) this.events.returned(returned);
    }
    this.output.end();
    this.end.resolve(end);
  }
}
