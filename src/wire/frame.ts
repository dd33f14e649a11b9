/** A frame of the worker protocol, version 1 (docs/worker-protocol.md): a fixed head, a JSON header, a raw body. */
export interface Frame {
  type: number;
  flags: number;
  /** Number of the call that the frame belongs to; 0 for none. */
  id: number;
  /** Milliseconds that were left of the deadline when the frame was written; 0 for no deadline. */
  timeoutMs: number;
  /** JSON text; empty for none. */
  header: string;
  body: Uint8Array;
}

/** Bytes of a frame's head. */
export const headLength = 16;
/** The most bytes of a header: its length is a 16-bit number. */
export const maxHeaderLength = 0xffff;
/** The longest timeout of a frame, in milliseconds: almost 50 days. */
export const maxTimeoutMs = 0xffffffff;

/** Thrown for a frame that breaks the protocol. The connection has to be closed: nobody knows where the next frame begins. */
export class FrameError extends Error {
  static {
    FrameError.prototype.name = 'FrameError';
  }
}

/** Bodies up to this size are copied behind their head; longer ones are written without a copy. */
export const inlineBodyLength = 8 * 1024;

/**
 * Encodes the head, the header and a body of up to `inlineBodyLength` bytes. The caller has to write a longer body itself, right after
 * these bytes. Throws a FrameError when the header is too long.
 */
export function encodeFrame(frame: Frame): Buffer {
  const { header, body } = frame;
  const headerLength = header === '' ? 0 : Buffer.byteLength(header);
  if (headerLength > maxHeaderLength) {
    throw new FrameError(`a header of ${headerLength} bytes is over the limit of ${maxHeaderLength}`);
  }
  const inline = body.length <= inlineBodyLength;
  const bytes = Buffer.allocUnsafe(headLength + headerLength + (inline ? body.length : 0));
  bytes.writeUInt32LE(body.length, 0);
  bytes.writeUInt16LE(headerLength, 4);
  bytes[6] = frame.type;
  bytes[7] = frame.flags;
  bytes.writeUInt32LE(frame.id, 8);
  bytes.writeUInt32LE(frame.timeoutMs, 12);
  if (headerLength > 0) bytes.write(header, headLength, 'utf8');
  if (inline) bytes.set(body, headLength + headerLength);
  return bytes;
}

/** A frame of which the head has come. */
interface PartialFrame {
  head: { type: number; flags: number; id: number; timeoutMs: number };
  header: Buffer;
  body: Buffer;
  /** How many bytes of header and body together have come. */
  filled: number;
}

const nothing = Buffer.alloc(0);

/** When at least this much of a body is missing, it is read straight into the body's memory. */
const directLength = 16 * 1024;

export interface DecoderOptions {
  /** The most bytes of a body. */
  maxBodyLength: number;
  /** Free bytes in front of each body, in the same memory, for an envelope around it. */
  headroom: number;
  /** Allocates the memory of a body, its headroom included. */
  allocate: (length: number) => Buffer;
  /** Called for each frame, in order. */
  onFrame: (frame: Frame) => void;
}

/**
 * Reads frames from the chunks of a byte stream, which may end anywhere. Both lengths are checked before memory is allocated, and each
 * body is read into one buffer of its own size.
 */
export class FrameDecoder {
  private readonly head = Buffer.alloc(headLength);
  private headFilled = 0;
  private partial: PartialFrame | undefined;

  constructor(private readonly options: DecoderOptions) {}

  /** Whether the last frame is complete, so that the stream may end here. */
  get atBoundary(): boolean {
    return this.headFilled === 0 && this.partial === undefined;
  }

  /** Takes the next bytes of the stream. Throws a FrameError when they break the protocol. */
  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.partial === undefined) {
        offset = this.readHead(chunk, offset);
        if (this.partial === undefined) return;
      }
      offset = this.readPayload(chunk, offset, this.partial);
    }
  }

  /**
   * The memory into which the next bytes of the stream can be read directly: the missing rest of a long body. The caller then calls
   * `advance` with the number of bytes. `undefined` when the bytes have to be passed to `push`.
   */
  directTarget(): Buffer | undefined {
    if (this.partial === undefined) return undefined;
    const { header, body, filled } = this.partial;
    const at = filled - header.length;
    return at >= 0 && body.length - at >= directLength ? body.subarray(at) : undefined;
  }

  /** To be called when `length` bytes were read into the direct target. */
  advance(length: number): void {
    if (this.partial === undefined) return;
    this.partial.filled += length;
    this.finish(this.partial);
  }

  private readHead(chunk: Buffer, offset: number): number {
    if (this.headFilled === 0 && chunk.length - offset >= headLength) {
      this.partial = this.parseHead(chunk, offset);
      return offset + headLength;
    }
    const taken = chunk.copy(this.head, this.headFilled, offset, offset + headLength - this.headFilled);
    this.headFilled += taken;
    if (this.headFilled === headLength) {
      this.headFilled = 0;
      this.partial = this.parseHead(this.head, 0);
    }
    return offset + taken;
  }

  private parseHead(source: Buffer, at: number): PartialFrame {
    const bodyLength = source.readUInt32LE(at);
    const headerLength = source.readUInt16LE(at + 4);
    const { maxBodyLength, headroom, allocate } = this.options;
    if (bodyLength > maxBodyLength) throw new FrameError(`a body of ${bodyLength} bytes is over the limit of ${maxBodyLength}`);
    return {
      head: {
        type: source.readUInt8(at + 6),
        flags: source.readUInt8(at + 7),
        id: source.readUInt32LE(at + 8),
        timeoutMs: source.readUInt32LE(at + 12),
      },
      header: headerLength === 0 ? nothing : Buffer.allocUnsafe(headerLength),
      // An empty body gets its headroom as well, because an envelope is written around it, too.
      body: allocate(headroom + bodyLength).subarray(headroom),
      filled: 0,
    };
  }

  private readPayload(chunk: Buffer, offset: number, partial: PartialFrame): number {
    const { header, body } = partial;
    let at = offset;
    if (partial.filled < header.length) {
      const taken = chunk.copy(header, partial.filled, at);
      partial.filled += taken;
      at += taken;
    }
    if (partial.filled >= header.length) {
      const taken = chunk.copy(body, partial.filled - header.length, at);
      partial.filled += taken;
      at += taken;
      this.finish(partial);
    }
    return at;
  }

  private finish(partial: PartialFrame): void {
    const { head, header, body, filled } = partial;
    if (filled < header.length + body.length) return;
    this.partial = undefined;
    const { type, flags, id, timeoutMs } = head;
    this.options.onFrame({ type, flags, id, timeoutMs, header: header.length === 0 ? '' : header.toString('utf8'), body });
  }
}
