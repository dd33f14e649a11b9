import { formatSize } from '@dcf/sdk/units';
import { DcfError } from '../core/errors.js';

/** After how many milliseconds a caller may find room. */
const fullPauseMs = 100;

/** What the inputs of all calls in flight may take together, whichever transport they come by. */
export class ByteBudget {
  private held = 0;

  /** @param limit - bytes */
  constructor(readonly limit: number) {}

  /** Bytes that are taken now. */
  get taken(): number {
    return this.held;
  }

  /**
   * Takes room for `size` more bytes of an input. One that is alone always finds room: it would find none later either.
   *
   * @param own - bytes that the same input has taken before
   * @throws DcfError RESOURCE_EXHAUSTED that says when to come back; nothing is taken then
   */
  take(size: number, own = 0): void {
    this.check(size, own);
    this.held += size;
  }

  /** Takes room for what has begun already and goes on, even where there is none: others then have to wait. */
  force(size: number): void {
    this.held += size;
  }

  /** Throws what `take` would. */
  check(size: number, own = 0): void {
    if (this.held + size > this.limit && this.held > own) throw this.refusal(this.held);
  }

  /** @param held - bytes that leave no room */
  refusal(held: number): DcfError {
    const message = `the daemon holds ${formatSize(held)} of calls in flight, and its limit is ${formatSize(this.limit)}`;
    return new DcfError('RESOURCE_EXHAUSTED', message, { retryAfterMs: fullPauseMs });
  }

  /** Gives back what was taken. */
  give(size: number): void {
    this.held -= size;
  }
}
