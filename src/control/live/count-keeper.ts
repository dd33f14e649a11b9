import { startTimer } from '../../core/deadline.js';
import type { FunctionName } from '../../core/names.js';
import { TaskQueue } from '../../core/task-queue.js';
import type { CallCounts } from '../../registry/state/call-counts.js';
import type { LiveFunction } from './live-function.js';

/** The functions whose calls are counted; implemented by `LiveFunctions`. */
export interface CountedFunctions {
  list(): readonly Pick<LiveFunction, 'name' | 'counts'>[];
  find(name: FunctionName): unknown;
}

export interface CountKeeperOptions {
  functions: CountedFunctions;
  counts: Pick<CallCounts, 'write'>;
  /** Milliseconds between two writes. A crash of the daemon loses the counts of this time. @default 10,000 */
  everyMs?: number;
  /** Reports that counts cannot be written. Further failures are reported only after a write has succeeded. */
  onProblem: (error: unknown) => void;
}

/** Writes the counts of calls to disk at regular intervals if they have changed, so that they continue after a restart. */
export class CountKeeper {
  private readonly written = new Map<FunctionName, string>();
  /** One write at a time: two of one file would use the same temporary file. */
  private readonly saves = new TaskQueue();
  private cancelTimer: () => void = () => undefined;
  private failing = false;
  private stopped = false;

  constructor(private readonly options: CountKeeperOptions) {}

  start(): void {
    if (this.stopped) return;
    this.cancelTimer = startTimer(this.options.everyMs ?? 10_000, () => void this.saveNext().finally(() => this.start()));
  }

  /** Writes what has changed a last time. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    await this.saveNext();
  }

  private saveNext(): Promise<void> {
    return this.saves.run(() => this.save());
  }

  private async save(): Promise<void> {
    const { functions, counts } = this.options;
    for (const live of functions.list()) {
      const now = live.counts();
      if (now === undefined) continue;
      const text = JSON.stringify(now);
      if (this.written.get(live.name) === text) continue;
      try {
        await counts.write(live.name, now);
        this.written.set(live.name, text);
        this.failing = false;
      } catch (error) {
        if (!this.failing) this.options.onProblem(error);
        this.failing = true;
      }
    }
    for (const name of this.written.keys()) if (functions.find(name) === undefined) this.written.delete(name);
  }
}
