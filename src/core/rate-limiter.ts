import { startTimer } from './deadline.js';

const windowMs = 1_000;

/** Allows a number of events per second. Events beyond it are counted, and reported at the end of the second. */
export class RateLimiter {
  private left: number;
  private refused = 0;
  private cancelTimer: (() => void) | undefined;

  /**
   * @param perSecond - the number of events allowed in a second
   * @param report - called at the end of a second in which events were refused, with their number
   */
  constructor(
    private readonly perSecond: number,
    private readonly report: (refused: number) => void,
  ) {
    this.left = perSecond;
  }

  /** Whether no further event is allowed in this second. */
  get spent(): boolean {
    return this.left === 0;
  }

  /** Counts an event. Returns whether it is allowed. */
  take(): boolean {
    if (this.left === 0) {
      this.refused += 1;
      return false;
    }
    this.left -= 1;
    this.cancelTimer ??= startTimer(windowMs, () => this.flush());
    return true;
  }

  /** Reports the refused events now, and begins a new second. */
  flush(): void {
    const { refused } = this;
    this.forget();
    if (refused > 0) this.report(refused);
  }

  /** Begins a new second without a report. */
  forget(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.refused = 0;
    this.left = this.perSecond;
  }
}
