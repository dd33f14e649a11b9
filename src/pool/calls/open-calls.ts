import { startTimer } from '../../core/deadline.js';
import { defer } from '../../core/promises.js';

/** Counts the calls that a pool has accepted and not answered, and lets others wait until there are none. */
export class OpenCalls {
  private open = 0;
  private readonly onNone = new Set<() => void>();

  get count(): number {
    return this.open;
  }

  add(count: number): void {
    this.open += count;
  }

  remove(count: number): void {
    this.open -= count;
    if (this.open > 0 || this.onNone.size === 0) return;
    for (const tell of this.onNone) tell();
  }

  /** Resolves when no call is open, at the latest after `graceMs`. */
  async whenNone(graceMs: number): Promise<void> {
    if (this.open === 0) return;
    const noneOpen = defer<void>();
    const cancelTimer = startTimer(graceMs, () => noneOpen.resolve());
    const tell = (): void => noneOpen.resolve();
    this.onNone.add(tell);
    await noneOpen.promise;
    this.onNone.delete(tell);
    cancelTimer();
  }
}
