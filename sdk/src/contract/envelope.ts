import { DcfError } from '../errors.js';

/**
 * The two-field messages on the path of a call, read and written by hand: proto-loader's codecs copy the body and took
 * two to six times as long for 64 MiB. `InvokeRequest` { 1 function: string, 2 input: bytes } and the original
 * contract's `InvokeServiceRequest` are alike on the wire, so are `InvokeReply` { 1 output: bytes } and `Message`.
 * Format: https://protobuf.dev/programming-guides/encoding/
 */
export interface InvokeEnvelope {
  function: string;
  /** A view into the message that was read, not a copy. */
  input: Uint8Array;
}

const functionTag = 0x0a;
const bytesTag = 0x12;
const replyTag = 0x0a;
const empty = Buffer.alloc(0);

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

class Reader {
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

  bytes(): Buffer {
    return this.take(this.varint());
  }

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

function malformed(why: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', `the request is no valid protobuf message: ${why}`);
}

/** Reads a request. Unknown fields are passed over. Throws a DcfError INVALID_ARGUMENT when it is malformed. */
export function decodeInvokeRequest(message: Buffer): InvokeEnvelope {
  const reader = new Reader(message);
  let name = '';
  let input: Buffer = empty;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === functionTag) name = reader.bytes().toString('utf8');
    else if (tag === bytesTag) input = reader.bytes();
    else if (tag < 8) throw malformed('field number 0 is not allowed');
    else reader.skip(tag);
  }
  return { function: name, input };
}

/**
 * Checks that every field of a message ends where the message does or before: of a string that is cut off, proto-loader's
 * codecs take what there is. Throws a DcfError INVALID_ARGUMENT when it is malformed.
 */
export function checkFields(message: Buffer): void {
  const reader = new Reader(message);
  while (!reader.done) {
    const tag = reader.varint();
    if (tag < 8) throw malformed('field number 0 is not allowed');
    reader.skip(tag);
  }
}

/** Writes a request: one copy of the input. */
export function encodeInvokeRequest(envelope: InvokeEnvelope): Buffer {
  const { input } = envelope;
  const nameLength = Buffer.byteLength(envelope.function);
  const length = 2 + varintLength(nameLength) + nameLength + varintLength(input.length) + input.length;
  const message = Buffer.allocUnsafe(length);
  let offset = writeVarint(message, functionTag, 0);
  offset = writeVarint(message, nameLength, offset);
  offset += message.write(envelope.function, offset, 'utf8');
  offset = writeVarint(message, bytesTag, offset);
  offset = writeVarint(message, input.length, offset);
  message.set(input, offset);
  return message;
}

/** Reads a reply's output: a view, not a copy. Throws a DcfError INVALID_ARGUMENT when it is malformed. */
export function decodeInvokeReply(message: Buffer): Buffer {
  const reader = new Reader(message);
  let output: Buffer = empty;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === replyTag) output = reader.bytes();
    else reader.skip(tag);
  }
  return output;
}

/**
 * Writes a reply.
 *
 * @param headroom - bytes in front of `output`, in the same memory, that may be written over; with enough of them the output
 * is not copied
 */
export function encodeInvokeReply(output: Uint8Array, headroom = 0): Buffer {
  const prefixLength = 1 + varintLength(output.length);
  const inPlace = headroom >= prefixLength;
  const message = inPlace
    ? Buffer.from(output.buffer, output.byteOffset - prefixLength, prefixLength + output.length)
    : Buffer.allocUnsafe(prefixLength + output.length);
  const offset = writeVarint(message, output.length, writeVarint(message, replyTag, 0));
  if (!inPlace) message.set(output, offset);
  return message;
}
