import type { AbuseGuard } from './abuse.js';
import { ConnectionError } from './errors.js';
import type { FrameWriter } from './frame-writer.js';

/** PINGs that come too early after which a client is sent away, as in grpc-go. */
const maxStrikes = 2;
/** WINDOW_UPDATEs that a client may send for each HEADERS or DATA frame of ours: one for the stream, one for the connection. */
const updatesForEach = 3;
const maxUpdates = 1_000;

/** Judges frames that a client may send as often as we give it reason to: the more we send, the more of them may come. */
export class Pace {
  private strikes = 0;
  private lastPing = Number.NEGATIVE_INFINITY;
  private contentsAtPing = 0;
  private contentsAtUpdate = 0;
  private updates = 0;

  constructor(
    private readonly guard: AbuseGuard,
    private readonly writer: Pick<FrameWriter, 'contents'>,
    private readonly options: { leastPingInterval: number; now: () => number },
  ) {}

  /** Counts a PING. @throws ConnectionError ENHANCE_YOUR_CALM "too_many_pings", which tells gRPC's clients to ping less often */
  ping(): void {
    this.guard.count('ping');
    const now = this.options.now();
    const early = now - this.lastPing < this.options.leastPingInterval;
    if (this.writer.contents !== this.contentsAtPing) this.strikes = 0;
    else if (early) this.strikes += 1;
    this.contentsAtPing = this.writer.contents;
    this.lastPing = now;
    if (this.strikes > maxStrikes) throw new ConnectionError('ENHANCE_YOUR_CALM', 'too_many_pings');
  }

  /** Counts a WINDOW_UPDATE. @throws ConnectionError ENHANCE_YOUR_CALM when they are far more than what we send calls for */
  windowUpdate(): void {
    const { contents } = this.writer;
    this.updates = Math.min(maxUpdates, this.updates + updatesForEach * (contents - this.contentsAtUpdate));
    this.contentsAtUpdate = contents;
    if (this.updates > 0) this.updates -= 1;
    else this.guard.count('windowUpdate');
  }
}
