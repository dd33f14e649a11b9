import { performance } from 'node:perf_hooks';
import { type ProcessMemory, readShared, readTree } from './process-tree.js';

/** What a replica has in memory, its children included, in bytes. */
export interface MemoryUse {
  rss: number;
  /** The largest reading. */
  peak: number;
}

export interface MemoryWatchOptions {
  /** The most bytes that the process and its children may have in memory; `undefined`: memory is read for reports only. */
  limit: number | undefined;
  /** Called once, when they have more. */
  onOver: () => void;
}

const limitedIntervalMs = 250;
const reportIntervalMs = 2_000;
/** A reading is used again for this long: it takes 0.1 ms, and is asked for after every call. */
const freshMs = 250;

/** Reads the memory of a process, and of all that it started, at regular times. */
export class MemoryWatch {
  private rss = 0;
  private peak = 0;
  private readAt = Number.NEGATIVE_INFINITY;
  private checking = false;
  private stopped = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly pid: number,
    private readonly options: MemoryWatchOptions,
  ) {
    this.timer = setInterval(() => this.read(), options.limit === undefined ? reportIntervalMs : limitedIntervalMs);
    this.timer.unref();
  }

  /** The latest reading; a new one when that is older than 250 ms. */
  use(): MemoryUse {
    if (!this.stopped && performance.now() - this.readAt > freshMs) this.read();
    return { rss: this.rss, peak: this.peak };
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
  }

  private read(): void {
    const tree = readTree(this.pid);
    this.readAt = performance.now();
    if (tree.length === 0) return;
    this.rss = sumOf(tree);
    this.peak = Math.max(this.peak, this.rss, ...tree.map((process) => process.peak));
    const { limit } = this.options;
    if (limit !== undefined && this.rss > limit && !this.checking) void this.check(tree, limit);
  }

  /** Reads the memory again with shared pages counted once: forked processes share pages, which the sum counts several times. */
  private async check(tree: readonly ProcessMemory[], limit: number): Promise<void> {
    this.checking = true;
    const shared = tree.length === 1 ? undefined : await readShared(tree.map((process) => process.pid));
    this.checking = false;
    if (this.stopped || (shared !== undefined && shared <= limit)) return;
    this.stop();
    this.options.onOver();
  }
}

function sumOf(tree: readonly ProcessMemory[]): number {
  return tree.reduce((sum, process) => sum + process.rss, 0);
}
