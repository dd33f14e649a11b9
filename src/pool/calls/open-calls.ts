import { startTimer } from '../../core/deadline.js';
import { defer } from '../../core/promises.js';

/** How many calls a pool has accepted and not answered, and who waits until there are none. */
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

  /** Resolves when there are none, or else after `graceMs`. */
  async none(graceMs: number): Promise<void> {
    if (this.open === 0) return;
    const none = defer<void>();
    const cancelTimer = startTimer(graceMs, () => none.resolve());
    const tell = (): void => none.resolve();
    this.onNone.add(tell);
    await none.promise;
    this.onNone.delete(tell);
    cancelTimer();
  }
}
