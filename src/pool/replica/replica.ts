import { performance } from 'node:perf_hooks';
import { startTimer } from '../../core/deadline.js';
import { DcfError } from '../../core/errors.js';
import { defer } from '../../core/promises.js';
import type { MemoryUse } from '../../process/memory-watch.js';
import type { Exit, SpawnedProcess } from '../../process/spawn.js';
import { FrameError } from '../../wire/frame.js';
import type { Call } from '../calls/call.js';
import type { CallFunction } from '../calls/nested-call.js';
import type { LogLine } from '../output/log-line.js';
import { describeEnd, type EndReason, type KillReason } from './end-reason.js';
import { ReplicaOutput } from './replica-output.js';
import type { ReplicaSpec } from './replica-spec.js';
import { ReplicaStart } from './replica-start.js';
import { ReplicaWorkers } from './replica-workers.js';
import { type Retirement, recyclingDue } from './retirement.js';
import type { Worker } from './worker.js';

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
  private readonly startedClock = performance.now();
  private process: SpawnedProcess | undefined;
  private killed: KillReason | undefined;
  private condemned: KillReason | undefined;
  private exit: Exit | undefined;
  private readonly output: ReplicaOutput;
  private readonly startup: ReplicaStart;
  private readonly group: ReplicaWorkers;
  /** It was told to leave: its end is no failure. */
  discarded = false;
  private retiring = false;
  private readonly end = defer<EndReason>();

  constructor(
    readonly id: number,
    private readonly spec: ReplicaSpec,
    private readonly events: ReplicaEvents,
  ) {
    this.output = new ReplicaOutput(events.log);
    this.startup = new ReplicaStart(spec, {
      process: (process) => this.began(process),
      noProcess: () => this.finish({ text: 'no process could be started', reason: 'spawn' }),
      late: () => this.kill({ kind: 'init timeout', limitMs: spec.initTimeoutMs }),
    });
    this.group = new ReplicaWorkers(spec, this, {
      ready: () => this.becameReady(),
      initFailed: (error) => this.startup.failed(error),
      freed: (worker) => {
        this.callEnded();
        events.freed(worker);
      },
      returned: events.returned,
      started: events.started,
      retire: (why) => this.retire({ kind: 'fault', why }),
      log: (line) => this.output.tell(line),
      callFunction: events.callFunction,
      closed: (error) => this.streamClosed(error),
    });
  }

  /** Resolves with the reason when the process is gone and its calls are failed. */
  get ended(): Promise<EndReason> {
    return this.end.promise;
  }

  /** Its process, once there is one. */
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

  /** Calls that its workers got, from the first on. */
  get calls(): number {
    return this.group.calls;
  }

  get running(): number {
    return this.group.running;
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
  start(): Promise<void> {
    void this.ended.then(() => this.startup.releaseDevices());
    return this.startup.run(this.group);
  }

  /** Ends the process at once, and all that it started. The calls that it ran fail with the reason. */
  kill(reason: KillReason): void {
    if (this.state === 'ended') return;
    this.killed ??= reason;
    this.startup.abandon();
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
    this.group.close();
    this.endCondemned();
  }

  /** One of its calls was answered, or is not waited for any more. */
  callEnded(): void {
    if (this.state === 'condemned') this.endCondemned();
    else {
      const retirement = recyclingDue(this.spec.recycle, this);
      if (retirement !== undefined) this.retire(retirement);
    }
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
      this.group.drain();
    }
    const late = (): void => {
      if (streamsMayEnd && this.group.streaming) cancelTimer = startTimer(graceMs, late);
      else this.kill({ kind: 'stopped' });
    };
    let cancelTimer = startTimer(graceMs, late);
    await this.ended;
    cancelTimer();
  }

  private endCondemned(): void {
    if (this.condemned !== undefined && !this.group.busy) this.kill(this.condemned);
  }

  private retire(retirement: Retirement): void {
    if (this.retiring || this.state !== 'ready') return;
    this.retiring = true;
    this.events.retire(this, retirement);
  }

  private began(process: SpawnedProcess): void {
    this.process = process;
    this.output.read(process.stdout, 'info');
    this.output.read(process.stderr, 'warn');
    void process.exited.then((exit) => this.exited(exit));
    if (this.killed !== undefined) process.kill();
  }

  private becameReady(): void {
    if (this.state !== 'starting') return;
    this.state = 'ready';
    this.output.started();
    this.startup.succeeded();
  }

  private streamClosed(error: Error | undefined): void {
    if (this.state === 'ended') return;
    const { openStreams } = this.group;
    if (this.exit !== undefined) {
      if (openStreams === 0) this.finish(describeEnd(this.exit, this.killed));
      return;
    }
    if (error instanceof FrameError || error instanceof DcfError) {
      this.kill({ kind: 'protocol', problem: error.message });
      return;
    }
    // It has not been started yet: how that ends its starter tells.
    if (this.process === undefined) return;
    // Of several workers the idle ones leave first, while the others still finish their calls.
    if (this.state === 'draining' && openStreams > 0) return;
    const cancelTimer = startTimer(exitGraceMs, () => this.kill({ kind: 'stream closed' }));
    void this.ended.then(cancelTimer);
  }

  /** What it wrote before its end is read first: it tells which calls were answered, and which had begun. */
  private exited(exit: Exit): void {
    this.exit = exit;
    const finish = (): void => this.finish(describeEnd(exit, this.killed));
    if (this.group.openStreams === 0) {
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
    // Where a Handler could not be built, that was told before.
    if (before === 'starting') this.startup.failed(this.output.startError(end));
    const error = new DcfError('INTERNAL', `the worker died while it ran the call: ${end.text}`, { reason: end.reason });
    for (const call of this.group.failAll(error)) this.events.returned(call);
    this.output.end();
    this.end.resolve(end);
  }
}
