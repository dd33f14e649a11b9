export interface BackoffOptions {
  initialMs: number;
  maximumMs: number;
  /** A run of at least this long counts as good and starts the delays afresh. */
  resetAfterMs: number;
  /** From 0 (inclusive) to 1; replaced in tests. */
  random?: () => number;
}

/** For processes that end of themselves: a first restart comes at once, as it is likely to help, and later ones come ever more seldom. */
export const restartBackoff: BackoffOptions = { initialMs: 50, maximumMs: 30_000, resetAfterMs: 10_000 };

/**
 * Exponential back-off with jitter, which resets after a good stretch. It keeps no timer: the caller sleeps.
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
