import type { Duplex } from 'node:stream';
import { flags as frameFlags, frameHeadLength, frameTypes, maxFrameLength } from './frame.js';
import type { HpackEncoder } from './hpack/encoder.js';
import type { HeaderList } from './hpack/header-list.js';

const slabLength = 64 * 1024;
/** Slabs that are kept for the next turn, over all connections. */
const maxSpare = 32;
/** Bytes up to this many are copied behind those before them: a piece more in a write costs about as much. */
const copiedLength = 4 * 1024;
/** Bytes that may wait for the system before DATA waits, too. */
const congestedLength = 512 * 1024;

/** Room that is looked for before a header block is encoded; a longer one gets memory of its own. */
const usualBlockLength = 2 * 1024;

const spare: Buffer[] = [];

/** What a writer needs of a socket. */
export type WriterSocket = Pick<Duplex, 'write' | 'cork' | 'uncork' | 'writableLength'>;

/**
 * Gathers the frames of one turn of the event loop, and writes them together: as one piece of memory as a rule, and long payloads as
 * pieces of their own, without a copy.
 */
export class FrameWriter {
  /** The memory in which small frames are put together; `undefined` while nothing waits. */
  private slab: Buffer | undefined;
  /** The part of the slab that is in no piece yet. */
  private from = 0;
  private to = 0;
  /** The pieces before that part. */
  private pieces: Uint8Array[] = [];
  /** Slabs that the pieces lie in. */
  private filled: Buffer[] = [];
  private callbacks: (() => void)[] = [];
  private waiting = 0;
  /** Number of HEADERS and DATA frames that were added. */
  contents = 0;
  private closed = false;

  /**
   * @param socket - what is written to
   * @param schedule - called when something waits to be written: `flush` has to be called soon
   */
  constructor(
    private readonly socket: WriterSocket,
    private readonly schedule: () => void,
  ) {}

  /** Bytes that are not with the system yet. */
  get pending(): number {
    return this.waiting + this.socket.writableLength;
  }

  /** Whether something waits for `flush`. */
  get scheduled(): boolean {
    return this.slab !== undefined && !this.closed;
  }

  /** Whether so much waits for the system that DATA has to wait, too. */
  get congested(): boolean {
    return this.pending >= congestedLength;
  }

  /** Writes a frame's head. Returns the slab, which has `room` bytes of it free behind the head. */
  private begin(type: number, flags: number, streamId: number, length: number, room: number): Buffer {
    if (type <= frameTypes.HEADERS) this.contents += 1;
    const slab = this.roomFor(frameHeadLength + room);
    this.writeHead(slab, length, type, flags, streamId);
    return slab;
  }

  private writeHead(slab: Buffer, length: number, type: number, flags: number, streamId: number): void {
    const at = this.to;
    slab[at] = length >>> 16;
    slab[at + 1] = length >>> 8;
    slab[at + 2] = length;
    slab[at + 3] = type;
    slab[at + 4] = flags;
    slab.writeUInt32BE(streamId, at + 5);
    this.to = at + frameHeadLength;
  }

  /** Adds a frame with a payload of at most 16 KiB, which is copied. */
  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const slab = this.begin(type, flags, streamId, payload.length, payload.length);
    slab.set(payload, this.to);
    this.to += payload.length;
  }

  /**
   * Adds HEADERS with what `encoder` makes of them, and CONTINUATION frames where they are longer than `limit`, the peer's longest payload.
   */
  headers(flags: number, streamId: number, headers: HeaderList, encoder: HpackEncoder, limit: number): void {
    const slab = this.roomFor(frameHeadLength + usualBlockLength);
    const start = this.to + frameHeadLength;
    const end = encoder.encodeInto(slab, start, headers);
    if (end === -1) {
      this.longBlock(flags, streamId, encoder.encode(headers), limit);
      return;
    }
    if (end - start <= limit) {
      this.writeHead(slab, end - start, frameTypes.HEADERS, flags | frameFlags.END_HEADERS, streamId);
      this.contents += 1;
      this.to = end;
      return;
    }
    this.longBlock(flags, streamId, Buffer.from(slab.subarray(start, end)), limit);
  }

  private longBlock(flags: number, streamId: number, block: Buffer, peersLimit: number): void {
    const limit = Math.min(peersLimit, maxFrameLength);
    for (let at = 0; at < block.length; at += limit) {
      const last = at + limit >= block.length ? frameFlags.END_HEADERS : frameFlags.NONE;
      const part = block.subarray(at, at + limit);
      if (at === 0) this.frame(frameTypes.HEADERS, flags | last, streamId, part);
      else this.frame(frameTypes.CONTINUATION, last, streamId, part);
    }
  }

  /** Adds a frame whose payload is one number of 32 bits. */
  frameOfNumber(type: number, flags: number, streamId: number, value: number): void {
    const slab = this.begin(type, flags, streamId, 4, 4);
    slab.writeUInt32BE(value, this.to);
    this.to += 4;
  }

  /**
   * Adds a DATA frame whose payload is `head` and the part of `body` from `start` to `end`. A long part is not copied: the memory must
   * stay as it is until a callback of `whenTaken` is called.
   */
  data(type: number, flags: number, streamId: number, head: Uint8Array, body: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const copied = length <= copiedLength;
    const slab = this.begin(type, flags, streamId, head.length + length, head.length + (copied ? length : 0));
    if (head.length > 0) {
      slab.set(head, this.to);
      this.to += head.length;
    }
    if (length === 0) return;
    const part = start === 0 && end === body.length ? body : body.subarray(start, end);
    if (copied) {
      slab.set(part, this.to);
      this.to += length;
      return;
    }
    this.closePiece(slab);
    this.pieces.push(part);
    this.waiting += length;
  }

  /** Calls `taken` when the system has taken all that was added before. It is not called when the connection breaks first. */
  whenTaken(taken: () => void): void {
    this.callbacks.push(taken);
  }

  /** Writes what waits. */
  flush(): void {
    const { slab } = this;
    if (slab === undefined || this.closed) return;
    this.closePiece(slab);
    const { socket, pieces, filled, callbacks } = this;
    this.slab = undefined;
    this.pieces = [];
    this.filled = [];
    this.callbacks = [];
    this.waiting = 0;
    filled.push(slab);
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) {
      socket.write(only);
    } else {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
    const taken = (): void => {
      for (const one of filled) if (spare.length < maxSpare) spare.push(one);
      for (const callback of callbacks) callback();
    };
    if (socket.writableLength === 0) taken();
    else socket.write(nothing, (error) => (error === undefined || error === null ? taken() : undefined));
  }

  /** Drops what waits; nothing is written any more. */
  close(): void {
    this.closed = true;
    this.slab = undefined;
    this.pieces = [];
    this.filled = [];
    this.callbacks = [];
  }

  private roomFor(length: number): Buffer {
    let { slab } = this;
    if (slab !== undefined && slabLength - this.to >= length) return slab;
    if (slab === undefined) {
      this.schedule();
    } else {
      this.closePiece(slab);
      this.filled.push(slab);
    }
    slab = spare.pop() ?? Buffer.allocUnsafeSlow(slabLength);
    this.slab = slab;
    this.from = 0;
    this.to = 0;
    return slab;
  }

  private closePiece(slab: Buffer): void {
    if (this.to === this.from) return;
    this.pieces.push(slab.subarray(this.from, this.to));
    this.waiting += this.to - this.from;
    this.from = this.to;
  }
}

const nothing = new Uint8Array(0);
