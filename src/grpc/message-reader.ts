import { StatusError } from './status.js';

/** Bytes in front of each message: a flag and its length (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). */
export const prefixLength = 5;

/** Pieces of fewer bytes are put together. */
const tailLength = 4 * 1024;

/** A message of which the prefix has come. */
interface Partial {
  compressed: boolean;
  bytes: Buffer;
  filled: number;
}

/** Takes the messages of a reader. */
export interface MessageSink {
  /** Allocates the memory of a message of which not all has come. May throw a StatusError. */
  allocate(length: number): Buffer;
  /** Takes a message that is whole; nothing is read after it until `next` is called. */
  receive(bytes: Buffer, compressed: boolean): void;
}

/**
 * Reads length-prefixed messages from the pieces of a body, one at a time: what comes before the next one is asked for is kept as it is.
 * A message may lie in one piece, beside others or over many.
 */
export class MessageReader {
  /** The part of a prefix that was cut by the end of a piece. */
  private prefix: Buffer | undefined;
  private prefixFilled = 0;
  private partial: Partial | undefined;
  /** Pieces that have come and that nobody has asked for. */
  private backlog: Buffer[] = [];
  /** Memory for short pieces, which lie in it one behind the other; the last piece of the backlog ends where it is free. */
  private tail: Buffer | undefined;
  private tailFilled = 0;
  private wanted = true;
  private reading = false;

  /** @param maxLength - most bytes of a message as it is sent */
  constructor(
    private readonly maxLength: number,
    private readonly sink: MessageSink,
  ) {}

  /** Whether every byte that came was delivered. */
  get empty(): boolean {
    return this.backlog.length === 0 && !this.cut;
  }

  /** Whether a message has begun and its rest has not come. */
  get cut(): boolean {
    return this.prefixFilled > 0 || this.partial !== undefined;
  }

  /** Bytes of the message being read that have not come; 0 when its prefix has not come. */
  get missing(): number {
    return this.partial === undefined ? 0 : this.partial.bytes.length - this.partial.filled;
  }

  /** Takes a piece of the body, which is valid until this returns. @throws StatusError for a message that is refused */
  push(bytes: Buffer, start: number, end: number): void {
    let at = start;
    if (this.backlog.length === 0) {
      this.reading = true;
      try {
        while (this.wanted && at < end) at = this.read(bytes, at, end);
      } finally {
        this.reading = false;
      }
    }
    if (at < end) this.keep(bytes, at, end);
  }

  /** Keeps a copy of a piece. Short ones are put together: a piece of a byte takes a hundred. */
  private keep(bytes: Buffer, start: number, end: number): void {
    const { backlog } = this;
    if (end - start >= tailLength) {
      backlog.push(Buffer.from(bytes.subarray(start, end)));
      this.tail = undefined;
      return;
    }
    let { tail } = this;
    const last = backlog.at(-1);
    const goesOn = tail !== undefined && last !== undefined && tailLength - this.tailFilled >= end - start;
    if (tail === undefined || !goesOn) {
      tail = Buffer.allocUnsafeSlow(tailLength);
      this.tail = tail;
      this.tailFilled = 0;
    }
    this.tailFilled += bytes.copy(tail, this.tailFilled, start, end);
    if (last !== undefined && goesOn) backlog[backlog.length - 1] = tail.subarray(last.byteOffset, this.tailFilled);
    else backlog.push(tail.subarray(0, this.tailFilled));
  }

  /** Asks for the next message; it may be delivered before this returns. @throws StatusError for a message that is refused */
  next(): void {
    this.wanted = true;
    // Who asks while a message is delivered gets the next one from the loop that delivers.
    if (this.reading) return;
    this.reading = true;
    try {
      for (let first = this.backlog[0]; this.wanted && first !== undefined; first = this.backlog[0]) {
        const at = this.read(first, 0, first.length);
        if (at < first.length) this.backlog[0] = first.subarray(at);
        else this.backlog.shift();
      }
    } finally {
      this.reading = false;
    }
  }

  /** Reads up to the end of one message. Returns where the next one begins. */
  private read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.partial === undefined) {
      if (this.prefixFilled === 0 && end - at >= prefixLength) {
        const length = this.checkPrefix(bytes, at);
        at += prefixLength;
        if (end - at >= length) {
          this.deliver(Buffer.from(bytes.subarray(at, at + length)), bytes[at - prefixLength] === 1);
          return at + length;
        }
        this.partial = { compressed: bytes[at - prefixLength] === 1, bytes: this.sink.allocate(length), filled: 0 };
      } else {
        const prefix = this.prefix ?? Buffer.allocUnsafe(prefixLength);
        this.prefix = prefix;
        const copied = bytes.copy(prefix, this.prefixFilled, at, Math.min(end, at + prefixLength - this.prefixFilled));
        this.prefixFilled += copied;
        at += copied;
        if (this.prefixFilled < prefixLength) return at;
        this.prefixFilled = 0;
        const length = this.checkPrefix(prefix, 0);
        this.partial = { compressed: prefix[0] === 1, bytes: this.sink.allocate(length), filled: 0 };
      }
    }
    const { partial } = this;
    const copied = bytes.copy(partial.bytes, partial.filled, at, end);
    partial.filled += copied;
    if (partial.filled === partial.bytes.length) {
      this.partial = undefined;
      this.deliver(partial.bytes, partial.compressed);
    }
    return at + copied;
  }

  private deliver(message: Buffer, compressed: boolean): void {
    this.wanted = false;
    this.sink.receive(message, compressed);
  }

  private checkPrefix(bytes: Buffer, at: number): number {
    const flag = bytes[at] ?? 0;
    const length = bytes.readUInt32BE(at + 1);
    if (flag > 1) throw new StatusError('INTERNAL', `a message begins with the flag ${flag}; it must be 0 or 1`);
    if (length > this.maxLength)
      throw new StatusError('RESOURCE_EXHAUSTED', `a message of ${length} bytes is over the limit of ${this.maxLength} bytes`);
    return length;
  }
}
