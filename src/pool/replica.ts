import type { OnReadOpts, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Readable } from 'node:stream';
import { startTimer } from '../core/deadline.js';
import { DcfError } from '../core/errors.js';
import { defer } from '../core/promises.js';
import { FrameError } from '../wire/frame.js';
import { type InitHeader, protocolVersion } from '../wire/messages.js';
import { describeEnd, type EndReason, type KillReason } from './end-reason.js';
import { LineSplitter } from './line-splitter.js';
import type { LogLine } from './log-line.js';
import { SocketPairs } from './socket-pairs.js';
import { type SpawnedProcess, spawnReplica } from './spawn.js';
import { Worker } from './worker.js';

/** All that a replica needs to know of its revision. */
export interface ReplicaSpec extends Omit<InitHeader, 'protocol' | 'worker'> {
  threads: number;
  environment: Readonly<Record<string, string>>;
  initTimeoutMs: number;
}

export interface ReplicaEvents {
  freed: (worker: Worker) => void;
  log: (line: LogLine) => void;
}

export type ReplicaState = 'starting' | 'ready' | 'draining' | 'ended';

/** After its stream has ended, a process gets this long to exit and so to tell its own exit code. */
const exitGraceMs = 1_000;
const keptStartLines = 20;

/** One child process of a revision, from its spawn to its end. It is never started twice. */
export class Replica {
  state: ReplicaState = 'starting';
  readonly startedAt = Date.now();
  workers: readonly Worker[] = [];
  pid = 0;
  private readonly startedClock = performance.now();
  private process: SpawnedProcess | undefined;
  private killed: KillReason | undefined;
  private initError: DcfError | undefined;
  private startLines: string[] = [];
  private openStreams = 0;
  private readonly end = defer<EndReason>();
  private readonly ready = defer<void>();

  constructor(
    readonly id: number,
    private readonly spec: ReplicaSpec,
    private readonly events: ReplicaEvents,
  ) {
    // Whoever starts a replica awaits `start`; these two may come to nobody.
    this.ready.promise.catch(() => undefined);
  }

  /** Resolves with the reason when the process is gone and its calls are failed. */
  get ended(): Promise<EndReason> {
    return this.end.promise;
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
    let spawned: SpawnedProcess;
    try {
      spawned = await this.spawn();
    } catch (error) {
      this.finish({ text: 'no process could be started', reason: 'spawn' });
      throw error;
    }
    this.process = spawned;
    this.pid = spawned.pid;
    this.keepOutput(spawned.stdout, 'info');
    this.keepOutput(spawned.stderr, 'warn');
    void spawned.exited.then((exit) => this.finish(describeEnd(exit, this.killed)));
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
    this.process?.kill();
  }

  /** Lets it finish what it runs, and kills it after `graceMs`. Resolves when the process is gone. */
  async drain(graceMs: number): Promise<void> {
    if (this.state === 'starting') this.kill({ kind: 'stopped' });
    if (this.state === 'ready') {
      this.state = 'draining';
      for (const worker of this.workers) worker.drain();
    }
    const cancelTimer = startTimer(graceMs, () => this.kill({ kind: 'stopped' }));
    await this.ended;
    cancelTimer();
  }

  private async spawn(): Promise<SpawnedProcess> {
    const { threads, directory, environment } = this.spec;
    const pairs = await SocketPairs.open();
    const ends: Socket[] = [];
    try {
      for (let index = 0; index < threads; index++) {
        ends.push(await pairs.accept(() => this.createWorker((onread) => pairs.connect(onread), index)));
      }
      return await spawnReplica({ ends, directory, environment });
    } finally {
      // The child has its own descriptors by now; while the daemon held these, it would never see an end of file.
      for (const end of ends) end.destroy();
      await pairs.close();
    }
  }

  private createWorker(open: (onread: OnReadOpts) => Socket, index: number): void {
    const { threads, environment, initTimeoutMs, ...init } = this.spec;
    const worker = new Worker(
      open,
      { ...init, protocol: protocolVersion, worker: index },
      {
        ready: () => this.workerReady(),
        initFailed: (message, stack) => {
          const cause = new Error(message);
          cause.stack = stack === '' ? message : stack;
          this.initError = new DcfError('FAILED_PRECONDITION', `the Handler could not be built: ${message}`, { cause });
          this.ready.reject(this.initError);
        },
        freed: this.events.freed,
        log: this.events.log,
        kill: (reason) => this.kill(reason),
        closed: (error) => this.streamClosed(error),
      },
    );
    this.workers = [...this.workers, worker];
    this.openStreams += 1;
  }

  private workerReady(): void {
    if (this.state !== 'starting' || this.workers.some((worker) => worker.readiness === undefined)) return;
    this.state = 'ready';
    this.startLines = [];
    this.ready.resolve();
  }

  private streamClosed(error: Error | undefined): void {
    if (this.state === 'ended') return;
    this.openStreams -= 1;
    if (error instanceof FrameError || error instanceof DcfError) {
      this.kill({ kind: 'protocol', problem: error.message });
      return;
    }
    // Of several workers the idle ones leave first, while the others still finish their calls.
    if (this.state === 'draining' && this.openStreams > 0) return;
    const cancelTimer = startTimer(exitGraceMs, () => this.kill({ kind: 'stream closed' }));
    void this.ended.then(cancelTimer);
  }

  private finish(end: EndReason): void {
    const before = this.state;
    this.state = 'ended';
    if (before === 'starting') this.ready.reject(this.initError ?? this.startError(end));
    const error = new DcfError('INTERNAL', `the worker died while it ran the call: ${end.text}`, { reason: end.reason });
    for (const worker of this.workers) worker.failAll(error);
    this.end.resolve(end);
  }

  private startError(end: EndReason): DcfError {
    const output = this.startLines.join('\n');
    const cause = new Error(end.text);
    cause.stack = output === '' ? end.text : output;
    return new DcfError('FAILED_PRECONDITION', `the Handler could not be built: ${end.text}`, { cause, reason: end.reason });
  }

  private keepOutput(stream: Readable, level: LogLine['level']): void {
    const lines = new LineSplitter((text) => {
      if (this.state === 'starting') this.startLines = [...this.startLines, text].slice(-keptStartLines);
      this.events.log({ time: Date.now(), level, text, callId: '', worker: 0 });
    });
    stream.on('data', (chunk: Buffer) => lines.push(chunk));
    stream.on('end', () => lines.end());
    // A pipe that breaks has nothing more to say.
    stream.on('error', () => lines.end());
  }
}
