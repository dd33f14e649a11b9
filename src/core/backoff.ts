export interface BackoffOptions {
  initialMs: number;
  maximumMs: number;
  /** After a run of at least this long, the delays begin again at `initialMs`. */
  resetAfterMs: number;
  /** Returns a number from 0 (inclusive) to 1. @default Math.random */
  random?: () => number;
}

/** For processes that end by themselves: the first restart comes almost at once, as it is likely to help; the delays then double. */
export const restartBackoff: BackoffOptions = { initialMs: 50, maximumMs: 30_000, resetAfterMs: 10_000 };

/**
 * Exponential back-off with jitter, which begins again after a long run. It has no timer: the caller waits.
 * The jitter is 20%, as in https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md.
 */
export class Backoff {
  private next: number;

  constructor(private readonly options: BackoffOptions) {
    this.next = options.initialMs;
  }

  /** How long to wait before the next try, in milliseconds, after a run that lasted `lastedMs`. */
  delayAfter(lastedMs: number): number {
    const { initialMs, maximumMs, resetAfterMs, random = Math.random } = this.options;
    if (lastedMs >= resetAfterMs) this.next = initialMs;
    const delay = this.next * (0.8 + 0.4 * random());
    this.next = Math.min(this.next * 2, maximumMs);
    return delay;
  }
}
