import { startTimer } from './deadline.js';

const windowMs = 1_000;

/** Allows a number of events in each second; the events beyond it are counted and reported once the second is over. */
export class RateLimiter {
  private left: number;
  private refused = 0;
  private cancelTimer: (() => void) | undefined;

  /**
   * @param tell - told how many were refused in a second in which some were
   */
  constructor(
    private readonly perSecond: number,
    private readonly tell: (refused: number) => void,
  ) {
    this.left = perSecond;
  }

  /** Whether nothing more is allowed in this second. */
  get spent(): boolean {
    return this.left === 0;
  }

  /** Whether one more is allowed; otherwise it is counted, and that is all that it costs. */
  take(): boolean {
    if (this.left === 0) {
      this.refused += 1;
      return false;
    }
    this.left -= 1;
    this.cancelTimer ??= startTimer(windowMs, () => this.flush());
    return true;
  }

  /** Tells now what was refused, and begins anew. */
  flush(): void {
    const { refused } = this;
    this.forget();
    if (refused > 0) this.tell(refused);
  }

  /** Begins anew, and tells nothing. */
  forget(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.refused = 0;
    this.left = this.perSecond;
  }
}
