import { ConnectionError } from './errors.js';
import { clientPreface, frameHeadLength, maxFrameLength, readUint31 } from './frame.js';

/**
 * Takes a frame. Its payload is the part of `bytes` from `start` to `end`, valid until this returns.
 */
export type OnFrame = (type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number) => void;

/**
 * Reads the client's preface and then frames from the chunks of a byte stream, which may end anywhere. A frame that is whole in its chunk
 * is passed on where it lies; only one that is cut by the end of a chunk is copied. It keeps at most one frame: 16,393 bytes.
 */
export class FrameReader {
  /** The begin of a frame whose rest has not come; `undefined` while there is none. */
  private partial: Buffer | undefined;
  private partialLength = 0;
  /** Bytes of the preface that have come. */
  private prefaceLength = 0;
  private stopped = false;
  private count = 0;

  constructor(private readonly onFrame: OnFrame) {}

  /** Number of frames that have come whole. */
  get frames(): number {
    return this.count;
  }

  /** Whether a frame, or the preface, has begun and its rest has not come. */
  get cut(): boolean {
    return !this.begun || this.partial !== undefined;
  }

  /** Whether the preface has come. */
  get begun(): boolean {
    return this.prefaceLength === clientPreface.length;
  }

  /** Ignores everything that comes from now on, also the rest of the chunk that is being read. */
  stop(): void {
    this.stopped = true;
    this.partial = undefined;
  }

  /** Takes the next bytes. @throws ConnectionError for a wrong preface or a frame that is too long; also what `onFrame` throws */
  push(chunk: Buffer): void {
    if (this.stopped) return;
    let at = this.begun ? 0 : this.readPreface(chunk);
    if (this.partial !== undefined) at = this.completePartial(this.partial, chunk, at);
    const { length } = chunk;
    while (!this.stopped && length - at >= frameHeadLength) {
      const end = at + frameHeadLength + payloadLength(chunk, at);
      if (end > length) break;
      this.emit(chunk, at, end);
      at = end;
    }
    if (at < length && !this.stopped) this.keep(chunk, at);
  }

  private readPreface(chunk: Buffer): number {
    const end = Math.min(chunk.length, clientPreface.length - this.prefaceLength);
    if (clientPreface.compare(chunk, 0, end, this.prefaceLength, this.prefaceLength + end) !== 0)
      throw new ConnectionError('PROTOCOL_ERROR', 'the connection does not begin with the preface of HTTP/2');
    this.prefaceLength += end;
    return end;
  }

  /** Fills up the frame that was cut, and passes it on if it is whole. Returns where the chunk goes on. */
  private completePartial(partial: Buffer, chunk: Buffer, from: number): number {
    let at = from;
    if (this.partialLength < frameHeadLength) {
      at = this.fill(partial, chunk, at, frameHeadLength);
      if (this.partialLength < frameHeadLength) return at;
    }
    const end = frameHeadLength + payloadLength(partial, 0);
    at = this.fill(partial, chunk, at, end);
    if (this.partialLength < end) return at;
    this.partial = undefined;
    this.partialLength = 0;
    this.emit(partial, 0, end);
    return at;
  }

  private fill(partial: Buffer, chunk: Buffer, at: number, upTo: number): number {
    const copied = chunk.copy(partial, this.partialLength, at, at + upTo - this.partialLength);
    this.partialLength += copied;
    return at + copied;
  }

  private keep(chunk: Buffer, at: number): void {
    const partial = this.partial ?? Buffer.allocUnsafe(frameHeadLength + maxFrameLength);
    // A partial frame that is there already has taken all of the chunk.
    this.partialLength = chunk.copy(partial, 0, at);
    this.partial = partial;
  }

  private emit(bytes: Buffer, at: number, end: number): void {
    this.count += 1;
    this.onFrame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, readUint31(bytes, at + 5), bytes, at + frameHeadLength, end);
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes.readUIntBE(at, 3);
  if (length <= maxFrameLength) return length;
  throw new ConnectionError('FRAME_SIZE_ERROR', `a frame of ${length} bytes; the limit is ${maxFrameLength}`);
}
