import type { SendWindow } from './flow-control.js';
import { flags as frameFlags, frameTypes, maxFrameLength } from './frame.js';
import type { FrameWriter } from './frame-writer.js';
import type { Stream } from './stream.js';

const noBytes = new Uint8Array(0);
/**
 * The longest frame that is sent, however long ones the client takes: streams send in turn, a frame each, and some clients allow 16 MiB.
 */
const longestFrame = 64 * 1024;

/**
 * Sends DATA of the streams of one connection: in turn, a frame of each, while the connection's window and the socket have room. A stream
 * whose own window is empty holds up no other.
 */
export class SendQueue {
  private readonly waiting: Stream[] = [];
  private pumping = false;

  /**
   * @param window - the connection's window
   * @param now - milliseconds of a clock that never goes back
   */
  constructor(
    private readonly writer: FrameWriter,
    private readonly window: SendWindow,
    private readonly maxFrameSize: () => number,
    private readonly now: () => number,
  ) {}

  /** Adds a stream that has something to send, and sends what can be sent. */
  add(stream: Stream): void {
    if (!stream.queued) {
      stream.queued = true;
      this.waiting.push(stream);
    }
    this.pump();
  }

  /** Sends what can be sent. To be called when there is more room. */
  pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (this.waiting.length > 0 && !this.writer.congested) {
        const [stream] = this.waiting;
        if (stream === undefined || !this.sendFrame(stream)) break;
      }
    } finally {
      this.pumping = false;
    }
  }

  /** Forgets a stream that has closed: nothing may be sent for a long time. */
  remove(stream: Stream): void {
    if (!stream.queued) return;
    stream.queued = false;
    this.waiting.splice(this.waiting.indexOf(stream), 1);
  }

  /** Sends one frame of the first stream. Returns false when the connection's window is empty. */
  private sendFrame(stream: Stream): boolean {
    const { next } = stream;
    if (next === undefined) {
      this.leave(stream);
      return true;
    }
    const left = next.head.length + next.body.length - next.sent;
    const allowed = Math.min(stream.sendWindow.available, this.window.available);
    if (allowed <= 0 && left > 0) {
      if (stream.sendWindow.available > 0) return false;
      this.leave(stream);
      return true;
    }
    // A head is copied to where frames are put together.
    const longest = next.head.length > maxFrameLength ? maxFrameLength : Math.min(this.maxFrameSize(), longestFrame);
    const length = left === 0 ? 0 : Math.min(left, allowed, longest);
    const head = next.head.length > length ? next.head.subarray(0, length) : next.head;
    const end = next.sent + length - head.length;
    this.writer.data(frameTypes.DATA, frameFlags.NONE, stream.id, head, next.body, next.sent, end);
    this.window.spend(length);
    stream.sendWindow.spend(length);
    next.head = head.length === next.head.length ? noBytes : next.head.subarray(head.length);
    next.sent = end;
    if (length === left) {
      if (next.taken !== undefined) this.writer.whenTaken(next.taken);
      this.leave(stream);
      stream.shift();
      if (stream.next === undefined) return true;
      this.enter(stream);
    } else if (this.waiting.length > 1) {
      this.leave(stream);
      this.enter(stream);
    }
    stream.movedAt = this.now();
    return true;
  }

  private enter(stream: Stream): void {
    if (stream.queued) return;
    stream.queued = true;
    this.waiting.push(stream);
  }

  private leave(stream: Stream): void {
    stream.queued = false;
    this.waiting.shift();
  }
}
