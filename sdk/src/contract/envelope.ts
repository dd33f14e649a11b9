import { encodeField, fieldLength, malformed, Reader, writeField } from './protobuf.js';

/**
 * The content of a call's request. The messages of a call are read and written by hand, as proto-loader's codecs copy the body and took two
 * to six times as long for 64 MiB. `InvokeRequest` { 1 function: string, 2 input: bytes } and the original contract's `InvokeServiceRequest`
 * are alike on the wire, and so are `InvokeReply` { 1 output: bytes } and `Message`.
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

/** Reads a request. Unknown fields are ignored. @throws DcfError INVALID_ARGUMENT when it is malformed */
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
 * Checks that every field of a message ends within the message: proto-loader's codecs accept a string that is cut off.
 *
 * @throws DcfError INVALID_ARGUMENT when the message is malformed
 */
export function checkFields(message: Buffer): void {
  const reader = new Reader(message);
  while (!reader.done) {
    const tag = reader.varint();
    if (tag < 8) throw malformed('field number 0 is not allowed');
    reader.skip(tag);
  }
}

/** Writes a request, which holds a copy of the input. */
export function encodeInvokeRequest(envelope: InvokeEnvelope): Buffer {
  const { input } = envelope;
  const name = Buffer.from(envelope.function);
  const message = Buffer.allocUnsafe(fieldLength(name.length) + fieldLength(input.length));
  writeField(message, bytesTag, input, writeField(message, functionTag, name, 0));
  return message;
}

/** Reads the output of a reply, as a view and not a copy. @throws DcfError INVALID_ARGUMENT when the reply is malformed */
export function decodeInvokeReply(message: Buffer): Buffer {
  const reader = new Reader(message);
  let output: Buffer = empty;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === replyTag) output = reader.bytes();
    else if (tag < 8) throw malformed('field number 0 is not allowed');
    else reader.skip(tag);
  }
  return output;
}

/**
 * Writes a reply.
 *
 * @param headroom - number of bytes in front of `output`, in the same memory, that may be overwritten; with enough of them the output is not
 *   copied. @default 0
 */
export function encodeInvokeReply(output: Uint8Array, headroom = 0): Buffer {
  return encodeField(replyTag, output, headroom);
}
