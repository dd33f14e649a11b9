import { encodeField, fieldLength, malformed, Reader, writeField } from './protobuf.js';

/**
 * What the first message of a stream says beside its chunks. The messages are read and written by hand, for the reason in envelope.ts: `StreamRequest`
 * { 1 function: string, 2 chunks: repeated bytes, 3 input: optional bytes, 4 last: optional bool } and `StreamReply`
 * { 1 chunks: repeated bytes }.
 */
export interface StreamStart {
  function: string;
  /** All of the input; `undefined` when it comes in chunks. */
  input: Uint8Array | undefined;
}

const functionTag = 0x0a;
const inputTag = 0x1a;
const lastTag = 0x20;
const notLast = Buffer.of(lastTag, 0);

/** The tag of the field of a StreamRequest that holds the chunks. */
export const requestChunks = 0x12;
/** The tag of the field of a StreamReply that holds the chunks. */
export const replyChunks = 0x0a;

/** Bytes of chunks that are gathered into one message; a longer chunk is sent alone. */
const maxGathered = 32 * 1024;

/** Writes the first message of a stream, without chunks. If `input` is `undefined`, the message of `encodeStreamEnd` must follow the chunks. */
export function encodeStreamStart({ function: name, input }: StreamStart): Buffer {
  const bytes = Buffer.from(name);
  const rest = input === undefined ? notLast.length : fieldLength(input.length);
  const message = Buffer.allocUnsafe(fieldLength(bytes.length) + rest);
  const offset = writeField(message, functionTag, bytes, 0);
  if (input === undefined) message.set(notLast, offset);
  else writeField(message, inputTag, input, offset);
  return message;
}

/** Writes the last message of an input in chunks. */
export function encodeStreamEnd(): Buffer {
  return Buffer.of(lastTag, 1);
}

/**
 * Reads the first message of a stream, without its chunks, and checks all of it. Unknown fields are ignored.
 *
 * @returns `marksLast`: whether the client marks the last message of its input
 * @throws DcfError INVALID_ARGUMENT when the message is malformed, or has both an input and chunks
 */
export function decodeStreamStart(message: Buffer): StreamStart & { marksLast: boolean } {
  const reader = new Reader(message);
  let name = '';
  let marksLast = false;
  let input: Buffer | undefined;
  let chunked = false;
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === functionTag) name = reader.bytes().toString('utf8');
    else if (tag === inputTag) input = reader.bytes();
    else if (tag < 8) throw malformed('field number 0 is not allowed');
    else reader.skip(tag);
    chunked ||= tag === requestChunks;
    marksLast ||= tag === lastTag;
  }
  if (input !== undefined && chunked) throw malformed('it has both an input and chunks of one');
  return { function: name, input, marksLast };
}

/** Reads the chunks of a message one by one: a message may have millions, and a list of them would take far more memory than the message. */
export class ChunkReader {
  /** Whether the message is marked as the last one; known once all of it has been read. */
  last = false;
  private readonly reader: Reader;

  /**
   * @param chunksTag - `requestChunks` or `replyChunks`
   * @param first - whether the message may have the fields that only the first message of a stream has; @default true
   */
  constructor(
    message: Buffer,
    private readonly chunksTag: number,
    private readonly first = true,
  ) {
    this.reader = new Reader(message);
  }

  /** The next chunk, as a view; `undefined` after the last one. @throws DcfError INVALID_ARGUMENT when the message is malformed */
  next(): Uint8Array | undefined {
    const { reader } = this;
    while (!reader.done) {
      const tag = reader.varint();
      if (tag === this.chunksTag) return reader.bytes();
      if (tag < 8) throw malformed('field number 0 is not allowed');
      if (!this.first && (tag === functionTag || tag === inputTag))
        throw malformed('only the first message of a stream may have a function and an input');
      if (tag === lastTag) this.last = reader.varint() > 0;
      else reader.skip(tag);
    }
    return undefined;
  }
}

/** A chunk to send. */
export interface SentChunk {
  output: Uint8Array;
  /** Number of bytes in front of the chunk, in the same memory, that may be overwritten. */
  headroom: number;
}

/**
 * Sends chunks as messages, one message at a time. If no message is on its way, a chunk is sent at once and alone; chunks that come in the
 * meantime are sent together in the next message.
 */
export class ChunkWriter<Chunk extends SentChunk> {
  private waiting: Chunk[] = [];
  private sending: readonly Chunk[] = [];

  /**
   * @param chunksTag - `requestChunks` or `replyChunks`
   * @param write - sends a message, which it has to copy before it returns, and calls `written` when there is room for another one
   * @param onSent - called for each chunk that has been sent
   */
  constructor(
    private readonly chunksTag: number,
    private readonly write: (message: Buffer, written: () => void) => void,
    private readonly onSent: (chunk: Chunk) => void,
  ) {}

  /** Whether no chunk waits or is on its way. */
  get idle(): boolean {
    return this.sending.length === 0;
  }

  send(chunk: Chunk): void {
    this.waiting.push(chunk);
    if (this.idle) this.sendNext();
  }

  private sendNext(): void {
    const chunks = this.gather();
    this.sending = chunks;
    if (chunks.length === 0) return;
    this.write(encodeChunks(this.chunksTag, chunks), () => {
      for (const chunk of chunks) this.onSent(chunk);
      this.sendNext();
    });
  }

  private gather(): readonly Chunk[] {
    let count = 0;
    let length = 0;
    for (const { output } of this.waiting) {
      length += fieldLength(output.length);
      if (count > 0 && length > maxGathered) break;
      count += 1;
    }
    if (count < this.waiting.length) return this.waiting.splice(0, count);
    const all = this.waiting;
    this.waiting = [];
    return all;
  }
}

function encodeChunks(tag: number, chunks: readonly SentChunk[]): Buffer {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return encodeField(tag, first.output, first.headroom);
  const message = Buffer.allocUnsafe(chunks.reduce((sum, { output }) => sum + fieldLength(output.length), 0));
  let offset = 0;
  for (const { output } of chunks) offset = writeField(message, tag, output, offset);
  return message;
}
