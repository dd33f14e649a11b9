import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Deferred, defer } from '../../core/promises.js';
import { inheritedEnvironment } from '../replica-environment.js';
import { isReport, type SpawnerOrder, type SpawnerReport } from './messages.js';
import { identify, whenGone } from './orphan.js';
import type { PlainExit, ProcessStart, StartedProcess, StartRequest } from './process-start.js';
import { type Starter, StarterGone } from './starter.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));

/** A start usually takes some milliseconds. A spawner that takes longer than this is taken for broken, and killed. */
const startTimeoutMs = 15_000;

interface Starting {
  listening: Deferred<void>;
  started: Deferred<StartedProcess>;
  cancelTimer: () => void;
}

interface Running {
  pid: number;
  exited: Deferred<PlainExit>;
}

/** One process that runs `main.ts`, from its start to its end. */
export class SpawnerProcess implements Starter {
  readonly endsWithIt = false;
  /** Resolves when it is gone, with the pids of the processes that it has started and that still run. */
  readonly ended: Promise<readonly number[]>;
  /** Whether it takes messages. */
  up = false;
  private readonly child: ChildProcess;
  private readonly starting = new Map<number, Starting>();
  private readonly running = new Map<number, Running>();
  private lastId = 0;
  private gone = false;

  constructor() {
    this.child = spawn(process.execPath, [program], {
      env: inheritedEnvironment(),
      // A session of its own: a signal to the daemon's process group must not end it, because it has to end the replicas then.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.child.unref();
    this.child.channel?.unref();
    this.child.on('message', (message) => {
      if (isReport(message)) this.receive(message);
    });
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        if (!this.gone) resolve(this.end());
      };
      this.child.once('exit', end);
      // It could not be started, or a message could not be sent: it cannot be used any more.
      this.child.on('error', () => {
        if (this.child.pid === undefined) end();
        else this.child.kill('SIGKILL');
      });
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  async listen(request: StartRequest): Promise<ProcessStart> {
    if (this.gone) throw new StarterGone();
    this.lastId += 1;
    const timer = setTimeout(() => this.child.kill('SIGKILL'), startTimeoutMs);
    const starting: Starting = { listening: defer(), started: defer(), cancelTimer: () => clearTimeout(timer) };
    // It may reject when nobody waits for it.
    starting.started.promise.catch(() => undefined);
    this.starting.set(this.lastId, starting);
    this.send({ kind: 'start', id: this.lastId, request });
    await starting.listening.promise;
    return { started: starting.started.promise };
  }

  /** Has it kill a process that another spawner started when the daemon is gone. */
  guard(pid: number): void {
    this.send({ kind: 'guard', pid });
  }

  /** To be called when a process given to `guard` has ended. */
  release(pid: number): void {
    this.send({ kind: 'release', pid });
  }

  /** Ends it and all processes that it has started. */
  close(): void {
    // Keeps this process running until it has ended: a daemon whose start failed may have nothing else that does.
    this.child.ref();
    if (this.child.connected) this.child.disconnect();
  }

  private send(order: SpawnerOrder): void {
    if (this.child.connected) this.child.send(order);
  }

  private receive(report: SpawnerReport): void {
    if (report.kind === 'up') {
      this.up = true;
      return;
    }
    const { id } = report;
    const starting = this.starting.get(id);
    switch (report.kind) {
      case 'listening':
        starting?.listening.resolve();
        return;
      case 'started': {
        const exited = defer<PlainExit>();
        this.running.set(id, { pid: report.pid, exited });
        this.settled(id)?.started.resolve({ pid: report.pid, exited: exited.promise });
        return;
      }
      case 'failed': {
        const error = new Error(report.message);
        this.settled(id)?.started.reject(error);
        starting?.listening.reject(error);
        return;
      }
      case 'exited':
        this.running.get(id)?.exited.resolve(report.exit);
        this.running.delete(id);
        return;
      default:
        report satisfies never;
    }
  }

  private settled(id: number): Starting | undefined {
    const starting = this.starting.get(id);
    this.starting.delete(id);
    starting?.cancelTimer();
    return starting;
  }

  /** To be called when it is gone. The processes that it started go on; the system will report their exits to nobody. */
  private end(): readonly number[] {
    this.gone = true;
    this.up = false;
    for (const id of [...this.starting.keys()]) {
      const starting = this.settled(id);
      starting?.listening.reject(new StarterGone());
      starting?.started.reject(new StarterGone());
    }
    const left = [...this.running.values()];
    for (const { pid, exited } of left) void whenGone(identify(pid)).then(() => exited.resolve({ code: null, signal: null }));
    this.running.clear();
    return left.map(({ pid }) => pid);
  }
}
