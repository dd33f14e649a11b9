import { ConnectionError, StreamError } from './errors.js';

/** The largest window (RFC 9113, section 6.9.1). */
export const maxWindow = 0x7fffffff;
/** The window of each stream and of the connection before anybody says otherwise (RFC 9113, section 6.9.2). */
export const defaultWindow = 65_535;

/** How many bytes of DATA the peer lets us send. A change of SETTINGS can make it negative (RFC 9113, section 6.9.2). */
export class SendWindow {
  constructor(private left: number) {}

  get available(): number {
    return this.left;
  }

  /** To be called when `length` bytes are sent. */
  spend(length: number): void {
    this.left -= length;
  }

  /** Adds what the peer allows more. Returns false when the window would be larger than HTTP/2 allows; it is unchanged then. */
  grow(bytes: number): boolean {
    if (this.left + bytes > maxWindow) return false;
    this.left += bytes;
    return true;
  }
}

/**
 * How many bytes of DATA the peer may send: the size of the window, less what has come and was not given back. Credit is given back in
 * larger pieces, as a WINDOW_UPDATE for each DATA frame would cost as much as the frame.
 */
export class ReceiveWindow {
  private left: number;
  private owed = 0;
  /** Bytes by which the window is larger than its size for a time. */
  private extra = 0;

  constructor(private readonly size: number) {
    this.left = size;
  }

  /** To be called for each DATA frame. Returns false when the peer sent more than it may. */
  receive(length: number): boolean {
    this.left -= length;
    return this.left >= 0;
  }

  /** Gives back `length` bytes that have come and are taken. Returns the increment to send now; 0: none yet. */
  giveBack(length: number): number {
    const repaid = Math.min(this.extra, length);
    this.extra -= repaid;
    this.owed += length - repaid;
    if (this.owed < this.size / 2) return 0;
    const { owed } = this;
    this.owed = 0;
    this.left += owed;
    return owed;
  }

  /** Lets at least `bytes` more come, also beyond the window's size until they are given back. Returns the increment to send; 0: none. */
  widen(bytes: number): number {
    const increment = Math.min(bytes, maxWindow) - this.left;
    if (increment <= 0) return 0;
    this.left += increment;
    const fromOwed = Math.min(this.owed, increment);
    this.owed -= fromOwed;
    this.extra += increment - fromOwed;
    return increment;
  }
}

/** The increment of a WINDOW_UPDATE for a stream, or for the connection when `streamId` is 0. @throws for an increment of 0 */
export function checkIncrement(increment: number, streamId: number): number {
  if (increment > 0) return increment;
  const message = 'a WINDOW_UPDATE with an increment of 0';
  throw streamId === 0 ? new ConnectionError('PROTOCOL_ERROR', message) : new StreamError('PROTOCOL_ERROR', message);
}
