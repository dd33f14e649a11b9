import { ConnectionError } from './errors.js';

/** What costs a server something, and a peer almost nothing. */
export interface AbuseLimits {
  /** Streams that the peer resets, or that we reset for its mistakes (CVE-2023-44487, CVE-2025-8671). */
  reset: Limit;
  /** SETTINGS frames: each is answered. */
  settings: Limit;
  /** PING frames: each is answered. */
  ping: Limit;
  /** Frames that carry nothing, or next to nothing: empty DATA, short CONTINUATION within a block, DATA that is padding alone. */
  empty: Limit;
  /** PRIORITY frames and frames of unknown types. */
  ignored: Limit;
  /** WINDOW_UPDATE frames, beyond those that DATA of ours was sent for. */
  windowUpdate: Limit;
}

/** How often something may happen. */
export interface Limit {
  /** At once, after a quiet time. */
  burst: number;
  /** In each second after that. */
  perSecond: number;
}

export type Abuse = keyof AbuseLimits;

export const defaultAbuseLimits: AbuseLimits = {
  reset: { burst: 1000, perSecond: 200 },
  settings: { burst: 50, perSecond: 10 },
  ping: { burst: 100, perSecond: 20 },
  empty: { burst: 1000, perSecond: 100 },
  ignored: { burst: 1000, perSecond: 100 },
  windowUpdate: { burst: 10_000, perSecond: 5_000 },
};

const names: Record<Abuse, string> = {
  reset: 'resets of streams',
  settings: 'SETTINGS frames',
  ping: 'PING frames',
  empty: 'frames without content',
  ignored: 'frames of unknown types or PRIORITY frames',
  windowUpdate: 'WINDOW_UPDATE frames',
};

interface Bucket {
  left: number;
  since: number;
}

/** Counts what a peer does, as buckets of tokens: one for each kind of abuse. */
export class AbuseGuard {
  private readonly buckets = new Map<Abuse, Bucket>();

  /** @param now - milliseconds of a clock that never goes back */
  constructor(
    private readonly limits: AbuseLimits = defaultAbuseLimits,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Counts one more. @throws ConnectionError ENHANCE_YOUR_CALM when they were too many */
  count(abuse: Abuse): void {
    const { burst, perSecond } = this.limits[abuse];
    let bucket = this.buckets.get(abuse);
    if (bucket === undefined) {
      bucket = { left: burst, since: this.now() };
      this.buckets.set(abuse, bucket);
    }
    if (bucket.left < 1) {
      const now = this.now();
      bucket.left = Math.min(burst, bucket.left + ((now - bucket.since) * perSecond) / 1000);
      bucket.since = now;
    }
    if (bucket.left < 1) throw new ConnectionError('ENHANCE_YOUR_CALM', `too many ${names[abuse]}: more than ${perSecond} a second`);
    bucket.left -= 1;
  }
}
