import { FrameError } from './frame.js';
import { chunkCost, initialCredit } from './messages.js';

/** Credit is given back in pieces of at least this size: a CREDIT for each of many small chunks would cost as much as they do. */
const smallestGrant = initialCredit / 4;

/** What one side may still send in one direction of a stream (docs/worker-protocol.md, "Streams"). */
export class SendCredit {
  private left = initialCredit;

  /** Whether a chunk may be sent, of any length. */
  get open(): boolean {
    return this.left > 0;
  }

  /** A chunk of so many bytes is sent. */
  spend(length: number): void {
    this.left -= length + chunkCost;
  }

  /** The other side takes so many bytes more. */
  grant(bytes: number): void {
    this.left += bytes;
  }
}

/** What one side has been sent in one direction of a stream, and how much of it its reader has taken. */
export class ReceiveWindow {
  /** Bytes of chunks that have come and that the reader has not taken. */
  private held = 0;
  /** Bytes of chunks that it has taken, and that the sender has no credit for yet. */
  private owed = 0;

  /** Whether the reader has taken all that has come. */
  get empty(): boolean {
    return this.held === 0;
  }

  /** A chunk of so many bytes has come. Throws a FrameError when the sender had no credit left. */
  receive(length: number): void {
    if (this.held + this.owed >= initialCredit) throw new FrameError('a chunk came that there was no credit for');
    this.held += length + chunkCost;
  }

  /** The reader has taken a chunk of so many bytes. Returns the credit that is to be given back now; 0 for none yet. */
  take(length: number): number {
    this.held -= length + chunkCost;
    this.owed += length + chunkCost;
    if (this.owed < smallestGrant) return 0;
    const { owed } = this;
    this.owed = 0;
    return owed;
  }
}
