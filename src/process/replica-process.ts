import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import type { Confinement, MemoryGuard } from './confinement.js';
import type { MemoryCgroup } from './memory-cgroup.js';
import { type MemoryUse, MemoryWatch } from './memory-watch.js';
import { OutOfHeapDetector } from './out-of-heap-detector.js';
import { type Exit, endedForHeap, exitInSandbox, type MemoryEnd } from './process-exit.js';
import { childrenOf } from './process-tree.js';
import type { StartedProcess } from './spawner/process-start.js';

/** A replica's process. */
export interface SpawnedProcess {
  /** The process that runs the Handlers, not the sandbox around it. */
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when it is gone. */
  readonly exited: Promise<Exit>;
  /** How it is isolated and limited. */
  readonly confinement: Confinement;
  /** What enforces its memory limit; `undefined` when it has none. */
  readonly memoryGuard: MemoryGuard | undefined;
  /** What it and its children have in memory, in bytes; the last reading once it is gone. */
  memory(): MemoryUse;
  /** Sends SIGKILL to the process group. */
  kill(): void;
}

/** A started process with its output pipes. */
export interface PipedProcess extends StartedProcess {
  stdout: Readable;
  stderr: Readable;
}

/** How long the last output of an aborted process may take to arrive. */
const lastWordsMs = 500;

/** A replica's process with its memory limit. Explains how it ended: for its memory, or otherwise. */
export class ReplicaProcess implements SpawnedProcess {
  readonly stdout: Readable;
  readonly exited: Promise<Exit>;
  private readonly sign: OutOfHeapDetector;
  private readonly watch: MemoryWatch;
  private over: MemoryEnd | undefined;
  private killing = false;
  private gone = false;
  private innerPid = 0;

  constructor(
    private readonly piped: PipedProcess,
    readonly confinement: Confinement,
    private readonly cgroup: MemoryCgroup | undefined,
  ) {
    this.stdout = piped.stdout;
    this.sign = new OutOfHeapDetector(piped.stderr);
    const limit = cgroup === undefined ? confinement.memoryLimit : undefined;
    this.watch = new MemoryWatch(piped.pid, { limit, onOver: () => this.killForMemory() });
    this.exited = piped.exited.then((exit) => {
      // Kill what is left of its process group now: later the number may belong to another group.
      this.signalGroup();
      this.gone = true;
      this.watch.stop();
      return this.explain(exit);
    });
  }

  get pid(): number {
    if (this.confinement.isolation.kind === 'process') return this.piped.pid;
    // bubblewrap's outer process has one child, the reaper inside the sandbox, whose first child is the replica's process.
    if (this.innerPid === 0 && !this.gone) this.innerPid = childrenOf(childrenOf(this.piped.pid)[0] ?? 0)[0] ?? 0;
    return this.innerPid === 0 ? this.piped.pid : this.innerPid;
  }

  get stderr(): Readable {
    return this.sign.output;
  }

  get memoryGuard(): MemoryGuard | undefined {
    if (this.confinement.memoryLimit === undefined) return undefined;
    return this.cgroup === undefined ? 'watch' : `cgroup ${this.cgroup.version}`;
  }

  memory(): MemoryUse {
    return this.watch.use();
  }

  kill(): void {
    this.killing = true;
    this.signalGroup();
  }

  private killForMemory(): void {
    const { memoryLimit } = this.confinement;
    // The first reason for a kill counts.
    if (this.killing || this.gone || memoryLimit === undefined) return;
    this.over = { kind: 'limit', limit: memoryLimit };
    this.kill();
  }

  private signalGroup(): void {
    if (this.gone) return;
    try {
      process.kill(-this.piped.pid, 'SIGKILL');
    } catch {
      // The process group is empty.
    }
  }

  private async explain(outside: Exit): Promise<Exit> {
    const exit = this.confinement.isolation.kind === 'sandbox' ? exitInSandbox(outside) : outside;
    const memory = await this.memoryEnd(exit);
    void this.cgroup?.remove();
    return memory === undefined ? exit : { ...exit, memory };
  }

  private async memoryEnd(exit: Exit): Promise<MemoryEnd | undefined> {
    const { memoryLimit } = this.confinement;
    if (this.over !== undefined) return this.over;
    if (this.killing) return undefined;
    if (memoryLimit !== undefined && exit.signal === 'SIGKILL' && this.cgroup?.outOfMemory() === true)
      return { kind: 'limit', limit: memoryLimit };
    // Its exit may be known before its last output was read.
    if (exit.signal !== null && !this.sign.seen)
      await Promise.race([finished(this.piped.stderr).catch(() => undefined), setTimeout(lastWordsMs, undefined, { ref: false })]);
    return endedForHeap(exit, this.sign.seen) ? { kind: 'heap' } : undefined;
  }
}
