/** The frame of the worker protocol, version 1 (docs/worker-protocol.md): a fixed head, a JSON header, a raw body. */
export interface Frame {
  type: number;
  flags: number;
  /** Number of the call that the frame belongs to; 0 for none. */
  id: number;
  /** What was left of the deadline when the frame was written; 0 for none. */
  timeoutMs: number;
  /** JSON text; empty for none. */
  header: string;
  body: Uint8Array;
}

export const headLength = 16;
/** The header's length is a 16-bit number. */
export const maxHeaderLength = 0xffff;
/** The longest timeout that the field holds, almost 50 days. */
export const maxTimeoutMs = 0xffffffff;

/** A frame that breaks the rules. The connection cannot go on: nobody knows where the next frame begins. */
export class FrameError extends Error {
  static {
    FrameError.prototype.name = 'FrameError';
  }
}

/** Bodies up to this size are copied next to their head; longer ones are written from where they are. */
export const inlineBodyLength = 8 * 1024;

/**
 * Writes the head, the header and a body of up to `inlineBodyLength` bytes; a longer body has to follow as it is.
 * Throws a FrameError when the header is too long.
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

interface Partial {
  head: { type: number; flags: number; id: number; timeoutMs: number };
  header: Buffer;
  body: Buffer;
  /** Bytes of the header and the body together that have come. */
  filled: number;
}

const nothing = Buffer.alloc(0);

/** A rest of a body that is at least this long is read straight to its place. */
const directLength = 16 * 1024;

export interface DecoderOptions {
  /** Bytes of the longest body that is taken. */
  maxBodyLength: number;
  /** Bytes left free in front of each body, in the same memory: for an envelope that is to be written around it. */
  headroom: number;
  /** Makes the memory of a body, its headroom included. */
  allocate: (length: number) => Buffer;
  /** Called for each frame, in order. */
  onFrame: (frame: Frame) => void;
}

/**
 * Reads frames from a byte stream that is cut anywhere. Both lengths are checked before anything is allocated for them,
 * and each body is read into one buffer of its own size.
 */
export class FrameDecoder {
  private readonly head = Buffer.alloc(headLength);
  private headFilled = 0;
  private partial: Partial | undefined;

  constructor(private readonly options: DecoderOptions) {}

  /** Whether the stream may end here: not inside a frame. */
  get atBoundary(): boolean {
    return this.headFilled === 0 && this.partial === undefined;
  }

  /** Takes the next bytes of the stream. Throws a FrameError when they break the rules. */
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
   * Where the next bytes of the stream may be written without a detour: the rest of a long body. Tell `advance` how many
   * came. `undefined` where the bytes have to go through `push`.
   */
  directTarget(): Buffer | undefined {
    if (this.partial === undefined) return undefined;
    const { header, body, filled } = this.partial;
    const at = filled - header.length;
    return at >= 0 && body.length - at >= directLength ? body.subarray(at) : undefined;
  }

  /** Takes note of bytes that were written to the direct target. */
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

  private parseHead(source: Buffer, at: number): Partial {
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
      // An empty body needs its headroom as well: an envelope will be written around it, too.
      body: allocate(headroom + bodyLength).subarray(headroom),
      filled: 0,
    };
  }

  private readPayload(chunk: Buffer, offset: number, partial: Partial): number {
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

  private finish(partial: Partial): void {
    const { head, header, body, filled } = partial;
    if (filled < header.length + body.length) return;
    this.partial = undefined;
    const { type, flags, id, timeoutMs } = head;
    this.options.onFrame({ type, flags, id, timeoutMs, header: header.length === 0 ? '' : header.toString('utf8'), body });
  }
}
