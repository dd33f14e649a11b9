import { formatSize } from '@dcf/sdk/units';
import { DcfError } from '../core/errors.js';

/** How long a refused caller is asked to wait before it tries again, in milliseconds. */
const fullPauseMs = 100;

/** Limits how many bytes the inputs of all calls in flight hold together, over all transports. */
export class ByteBudget {
  private held = 0;

  /** @param limit - bytes */
  constructor(readonly limit: number) {}

  /** Bytes in use now. */
  get taken(): number {
    return this.held;
  }

  /**
   * Reserves `size` more bytes for an input. An input that is alone is never refused, however large: waiting would not help it.
   *
   * @param size - bytes
   * @param own - bytes that the same input has reserved before; @default 0
   * @throws DcfError RESOURCE_EXHAUSTED with `retryAfterMs`; nothing is reserved then
   */
  take(size: number, own = 0): void {
    this.check(size, own);
    this.held += size;
  }

  /** Reserves `size` bytes even over the limit, for a call that has begun already: calls that come later have to wait then. */
  force(size: number): void {
    this.held += size;
  }

  /** Throws what `take` would throw, and reserves nothing. */
  check(size: number, own = 0): void {
    if (this.held + size > this.limit && this.held > own) throw this.refusal(this.held);
  }

  /**
   * The error for an input that finds no room.
   *
   * @param held - bytes that the inputs of other calls hold
   */
  refusal(held: number): DcfError {
    const message = `the daemon is full: the inputs of calls in flight hold ${formatSize(held)}, and the limit is ${formatSize(this.limit)} (--max-bytes-in-flight); try again later`;
    return new DcfError('RESOURCE_EXHAUSTED', message, { retryAfterMs: fullPauseMs });
  }

  /** Releases `size` bytes that were reserved. */
  give(size: number): void {
    this.held -= size;
  }
}
