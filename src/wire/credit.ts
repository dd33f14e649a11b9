import { FrameError } from './frame.js';
import { chunkCost, initialCredit } from './messages.js';

/** The least credit that is given back at once: a CREDIT for each small chunk would cost as much as the chunk. */
const smallestGrant = initialCredit / 4;

/** The sender's side of one direction of a stream: how much it may still send (docs/worker-protocol.md, "Streams"). */
export class SendCredit {
  private left = initialCredit;

  /** Whether a chunk may be sent, of any length. */
  get open(): boolean {
    return this.left > 0;
  }

  /** To be called when a chunk of `length` bytes is sent. */
  spend(length: number): void {
    this.left -= length + chunkCost;
  }

  /** To be called when the other side gives credit for `bytes` more bytes. */
  grant(bytes: number): void {
    this.left += bytes;
  }
}

/** The receiver's side of one direction of a stream: how much has come, and how much of it the reader has taken. */
export class ReceiveWindow {
  /** Bytes of chunks that have come and that the reader has not taken. */
  private held = 0;
  /** Bytes of chunks that the reader has taken, and for which the sender got no credit yet. */
  private owed = 0;

  /** Whether the reader has taken all that has come. */
  get empty(): boolean {
    return this.held === 0;
  }

  /** To be called when a chunk of `length` bytes has come. Throws a FrameError when the sender had no credit left. */
  receive(length: number): void {
    if (this.held + this.owed >= initialCredit) throw new FrameError('a chunk came without credit for it');
    this.held += length + chunkCost;
  }

  /** To be called when the reader has taken a chunk of `length` bytes. Returns the credit to give back now; 0: none yet. */
  take(length: number): number {
    this.held -= length + chunkCost;
    this.owed += length + chunkCost;
    if (this.owed < smallestGrant) return 0;
    const { owed } = this;
    this.owed = 0;
    return owed;
  }
}
