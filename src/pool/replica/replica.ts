import { performance } from 'node:perf_hooks';
import { startTimer } from '../../core/deadline.js';
import { DcfError } from '../../core/errors.js';
import { defer } from '../../core/promises.js';
import type { MemoryUse } from '../../process/memory-watch.js';
import type { Exit, SpawnedProcess } from '../../process/spawn.js';
import { FrameError } from '../../wire/frame.js';
import type { LogLine } from '../output/log-line.js';
import { describeEnd, type EndReason, type KillReason } from './end-reason.js';
import type { PoolEvents, PoolReplica, PoolWorker, ReplicaPhase } from './pool-events.js';
import { ReplicaOutput } from './replica-output.js';
import type { ReplicaSpec } from './replica-spec.js';
import { ReplicaStart } from './replica-start.js';
import { ReplicaWorkers, type WorkersPort } from './replica-workers.js';
import { type Retirement, recyclingDue } from './retirement.js';
import type { Worker } from './worker.js';

/**
 * The state of a replica. A replica with a stuck call is condemned: it takes no new calls, lets its other calls finish, and is then
 * killed. A replica that is `discarded` was told to end: its end is no failure.
 */
type ReplicaState =
  | { readonly phase: 'starting'; readonly discarded: boolean }
  /** `retiring`: it has asked for its replacement. */
  | { readonly phase: 'ready'; readonly discarded: false; readonly retiring: boolean }
  | { readonly phase: 'draining'; readonly discarded: true }
  | { readonly phase: 'condemned'; readonly discarded: boolean; readonly reason: KillReason }
  | { readonly phase: 'ended'; readonly discarded: boolean };

/** Time from the end of a process's stream to its exit: it can exit by itself, so that its exit code is known. */
const exitGraceMs = 1_000;

/** One child process of a revision, from its start to its end. It is never started twice. */
export class Replica implements PoolReplica, WorkersPort {
  readonly startedAt = Date.now();
  private readonly startedClock = performance.now();
  private state: ReplicaState = { phase: 'starting', discarded: false };
  private process: SpawnedProcess | undefined;
  private exit: Exit | undefined;
  /** Why the daemon killed the process, if it did: the system reports only a signal. */
  private killedFor: KillReason | undefined;
  private readonly output: ReplicaOutput;
  private readonly startup: ReplicaStart;
  private readonly group: ReplicaWorkers;
  private readonly end = defer<EndReason>();

  constructor(
    readonly id: number,
    private readonly spec: ReplicaSpec,
    private readonly events: PoolEvents,
  ) {
    this.output = new ReplicaOutput((line) => events.log(id, line));
    this.startup = new ReplicaStart(spec, {
      process: (process) => this.began(process),
      noProcess: () => this.finish({ text: 'no process could be started', reason: 'spawn' }),
      late: () => this.kill({ kind: 'init timeout', limitMs: spec.initTimeoutMs }),
    });
    this.group = new ReplicaWorkers(spec, this, events);
  }

  get phase(): ReplicaPhase {
    return this.state.phase;
  }

  get discarded(): boolean {
    return this.state.discarded;
  }

  get ended(): Promise<EndReason> {
    return this.end.promise;
  }

  /** Its process; `undefined` before it runs. */
  get spawned(): SpawnedProcess | undefined {
    return this.process;
  }

  get workers(): readonly Worker[] {
    return this.group.list;
  }

  /** The devices that it was given, as `CUDA_VISIBLE_DEVICES` counts them. */
  get devices(): readonly string[] {
    return this.startup.devices;
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  /** Calls that its workers have got since it was started. */
  get calls(): number {
    return this.group.calls;
  }

  get running(): number {
    return this.group.running;
  }

  takesLine(): boolean {
    return this.output.takesLine();
  }

  get sendsAhead(): boolean {
    return this.spec.sendsAhead;
  }

  get memory(): MemoryUse {
    return this.process?.memory() ?? { rss: 0, peak: 0 };
  }

  /** Milliseconds since it was started. */
  get age(): number {
    return performance.now() - this.startedClock;
  }

  start(): Promise<void> {
    void this.ended.then(() => this.startup.releaseDevices());
    return this.startup.run(this.group);
  }

  /** Kills the process and all that it started. The calls that it ran fail with the reason. */
  kill(reason: KillReason): void {
    if (this.state.phase === 'ended') return;
    this.killedFor ??= reason;
    this.startup.abandon();
    this.process?.kill();
  }

  /**
   * To be called when one of its calls is stuck: it takes no new calls, and is killed as soon as every call that somebody waits for
   * has ended, at the latest after `graceMs`, because streams may go on without end.
   */
  condemn(reason: KillReason, graceMs: number): void {
    if (this.state.phase === 'ended' || this.state.phase === 'condemned') return;
    this.state = { phase: 'condemned', discarded: this.state.discarded, reason };
    void this.ended.then(startTimer(graceMs, () => this.kill(reason)));
    this.group.close();
    this.endCondemned();
  }

  log(line: LogLine): void {
    this.output.tell(line);
  }

  workerReady(worker: PoolWorker): void {
    if (this.group.built(worker)) this.becameReady();
  }

  initFailed(message: string, stack: string): void {
    const cause = new Error(message);
    cause.stack = stack === '' ? message : stack;
    this.startup.failed(new DcfError('FAILED_PRECONDITION', `the Handler could not be built: ${message}`, { cause }));
  }

  workerRetires(why: string): void {
    this.retire({ kind: 'fault', why });
  }

  callEnded(): void {
    if (this.state.phase === 'condemned') {
      this.endCondemned();
      return;
    }
    const retirement = recyclingDue(this.spec.recycle, this);
    if (retirement !== undefined) this.retire(retirement);
  }

  async drain(graceMs: number, streamsMayEnd = false): Promise<void> {
    this.discard();
    const late = (): void => {
      if (streamsMayEnd && this.group.streaming) cancelTimer = startTimer(graceMs, late);
      else this.kill({ kind: 'stopped' });
    };
    let cancelTimer = startTimer(graceMs, late);
    await this.ended;
    cancelTimer();
  }

  streamClosed(worker: PoolWorker, error: Error | undefined): void {
    if (!this.group.closed(worker) || this.state.phase === 'ended') return;
    const { openStreams } = this.group;
    if (this.exit !== undefined) {
      if (openStreams === 0) this.finish(describeEnd(this.exit, this.killedFor));
      return;
    }
    if (error instanceof FrameError || error instanceof DcfError) {
      this.kill({ kind: 'protocol', problem: error.message });
      return;
    }
    // The process does not run yet: the starter will report how the start ended.
    if (this.process === undefined) return;
    // Idle workers end first, while the others still finish their calls.
    if (this.state.phase === 'draining' && openStreams > 0) return;
    const cancelTimer = startTimer(exitGraceMs, () => this.kill({ kind: 'stream closed' }));
    void this.ended.then(cancelTimer);
  }

  private discard(): void {
    const { state } = this;
    switch (state.phase) {
      case 'starting':
        this.state = { ...state, discarded: true };
        this.kill({ kind: 'stopped' });
        return;
      case 'ready':
        this.state = { phase: 'draining', discarded: true };
        this.group.drain();
        return;
      case 'condemned':
      case 'ended':
        this.state = { ...state, discarded: true };
        return;
      case 'draining':
        return;
      default:
        state satisfies never;
    }
  }

  private endCondemned(): void {
    if (this.state.phase === 'condemned' && !this.group.busy) this.kill(this.state.reason);
  }

  private retire(retirement: Retirement): void {
    if (this.state.phase !== 'ready' || this.state.retiring) return;
    this.state = { ...this.state, retiring: true };
    this.events.replicaRetires(this, retirement);
  }

  private began(process: SpawnedProcess): void {
    this.process = process;
    this.output.read(process.stdout, 'info');
    this.output.read(process.stderr, 'warn');
    void process.exited.then(async (exit) => {
      await this.lastWords();
      this.exited(exit);
    });
    if (this.killedFor !== undefined) process.kill();
  }

  private becameReady(): void {
    if (this.state.phase !== 'starting') return;
    // A replica that was told to end meanwhile is being killed.
    this.state = this.state.discarded ? { phase: 'draining', discarded: true } : { phase: 'ready', discarded: false, retiring: false };
    this.output.started();
    this.startup.succeeded();
  }

  /** Waits for what a process printed that has ended before it was ready: the error of its start tells the last of it. */
  private async lastWords(): Promise<void> {
    if (this.state.phase !== 'starting') return;
    // A program that it started, and that left its process group, may keep the pipes open.
    const patience = defer<void>();
    const cancelTimer = startTimer(exitGraceMs, () => patience.resolve());
    await Promise.race([this.output.readToEnd(), patience.promise]);
    cancelTimer();
  }

  /** Reads what it wrote before its exit to the end first: that tells which calls were answered, and which had begun. */
  private exited(exit: Exit): void {
    this.exit = exit;
    const finish = (): void => this.finish(describeEnd(exit, this.killedFor));
    if (this.group.openStreams === 0) {
      finish();
      return;
    }
    // A program that it started, and that left its process group, may keep the stream open.
    const cancelTimer = startTimer(exitGraceMs, finish);
    void this.ended.then(cancelTimer);
  }

  private finish(end: EndReason): void {
    const { phase, discarded } = this.state;
    if (phase === 'ended') return;
    this.state = { phase: 'ended', discarded };
    // An error that the Handler reported before comes first.
    if (phase === 'starting') this.startup.failed(this.output.startError(end));
    const error = new DcfError('INTERNAL', `the worker died while it ran the call: ${end.text}`, { reason: end.reason });
    for (const call of this.group.failAll(error)) this.events.callReturned(call);
    this.output.end();
    this.end.resolve(end);
  }
}
