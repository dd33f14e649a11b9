import { DcfError } from '../errors.js';

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

function writeVarint(target: Buffer, value: number, at: number): number {
  let offset = at;
  let rest = value;
  while (rest > 0x7f) {
    target[offset++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[offset++] = rest;
  return offset;
}

/** The size of a bytes field in a message, with its tag of one byte and its length. */
export function fieldLength(length: number): number {
  return 1 + varintLength(length) + length;
}

/** Writes a bytes field at the offset `at`. Returns the offset of its end. */
export function writeField(target: Buffer, tag: number, bytes: Uint8Array, at: number): number {
  const offset = writeVarint(target, bytes.length, writeVarint(target, tag, at));
  target.set(bytes, offset);
  return offset + bytes.length;
}

/**
 * Makes a message of one bytes field.
 *
 * @param headroom - number of bytes in front of `bytes`, in the same memory, that may be overwritten; with enough of them nothing is copied
 */
export function encodeField(tag: number, bytes: Uint8Array, headroom: number): Buffer {
  const prefixLength = 1 + varintLength(bytes.length);
  if (headroom < prefixLength) {
    const message = Buffer.allocUnsafe(prefixLength + bytes.length);
    writeField(message, tag, bytes, 0);
    return message;
  }
  const message = Buffer.from(bytes.buffer, bytes.byteOffset - prefixLength, prefixLength + bytes.length);
  writeVarint(message, bytes.length, writeVarint(message, tag, 0));
  return message;
}

/** Reads a message field by field. Its methods throw a DcfError INVALID_ARGUMENT when the message is malformed. */
export class Reader {
  offset = 0;

  constructor(private readonly message: Buffer) {}

  get done(): boolean {
    return this.offset >= this.message.length;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.message[this.offset++];
      if (byte === undefined) throw malformed('it ends inside a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw malformed('a number is longer than ten bytes');
  }

  /** Reads the bytes of a field, as a view and not a copy. */
  bytes(): Buffer {
    return this.take(this.varint());
  }

  /** Skips the field after a tag. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.varint();
        return;
      case 1:
        this.take(8);
        return;
      case 2:
        this.bytes();
        return;
      case 5:
        this.take(4);
        return;
      default:
        throw malformed(`wire type ${tag & 7} is not known`);
    }
  }

  private take(length: number): Buffer {
    const end = this.offset + length;
    if (end > this.message.length) throw malformed('a field is longer than the message');
    const taken = this.message.subarray(this.offset, end);
    this.offset = end;
    return taken;
  }
}

/** The error for a malformed message. */
export function malformed(why: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', `the request is not a valid protobuf message: ${why}`);
}
