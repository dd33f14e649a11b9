import type { AbuseGuard } from './abuse.js';
import { ConnectionError } from './errors.js';
import { flags as frameFlags, readUint31 } from './frame.js';

/** A whole header block, of one HEADERS frame and perhaps CONTINUATION frames. */
export interface HeaderBlock {
  streamId: number;
  endStream: boolean;
  /** The stream that this one depends on (deprecated); 0 for none. */
  dependsOn: number;
  /** Valid until the next frame is read. */
  fragment: Buffer;
}

/**
 * CONTINUATION frames of fewer bytes count as empty, but for the last one of a block: a client cuts a block where its frames are full, and each part
 * takes some hundred bytes of memory beside its own.
 */
const shortPart = 1024;

interface Unfinished {
  block: HeaderBlock;
  parts: Buffer[];
  length: number;
}

/** Puts header blocks together. Until a block is whole, no other frame may come (RFC 9113, section 4.3). */
export class HeaderBlocks {
  private unfinished: Unfinished | undefined;

  /** @param maxLength - bytes of a block; a longer one ends the connection, as its end must be decoded to go on (CVE-2024-27316) */
  constructor(
    private readonly maxLength: number,
    private readonly guard: AbuseGuard,
  ) {}

  /** The stream whose block is not whole yet. */
  get openStream(): number | undefined {
    return this.unfinished?.block.streamId;
  }

  /** Takes the payload of a HEADERS frame. Returns its block if it is whole. */
  headers(flags: number, streamId: number, bytes: Buffer, start: number, end: number): HeaderBlock | undefined {
    let from = start;
    let to = end;
    if ((flags & frameFlags.PADDED) !== 0) {
      to -= from < end ? (bytes[from] ?? 0) : 0;
      from += 1;
    }
    let dependsOn = 0;
    if ((flags & frameFlags.PRIORITY) !== 0) {
      if (end - from < 5) throw new ConnectionError('FRAME_SIZE_ERROR', 'a HEADERS frame that ends within its priority');
      dependsOn = readUint31(bytes, from);
      from += 5;
    }
    if (from > to) throw new ConnectionError('PROTOCOL_ERROR', 'the padding of a HEADERS frame is longer than the frame');
    const fragment = bytes.subarray(from, to);
    const block = { streamId, endStream: (flags & frameFlags.END_STREAM) !== 0, dependsOn, fragment };
    if ((flags & frameFlags.END_HEADERS) !== 0) return block;
    this.unfinished = { block, parts: [Buffer.from(fragment)], length: fragment.length };
    return undefined;
  }

  /** Takes the payload of a CONTINUATION frame. Returns its block if it is whole. */
  continuation(flags: number, streamId: number, bytes: Buffer, start: number, end: number): HeaderBlock | undefined {
    const { unfinished } = this;
    if (unfinished === undefined || unfinished.block.streamId !== streamId)
      throw new ConnectionError('PROTOCOL_ERROR', 'a CONTINUATION frame without a header block that it continues');
    const last = (flags & frameFlags.END_HEADERS) !== 0;
    if (end - start < shortPart && !last) this.guard.count('empty');
    unfinished.length += end - start;
    if (unfinished.length > this.maxLength)
      throw new ConnectionError('ENHANCE_YOUR_CALM', `a header block of more than ${this.maxLength} bytes`);
    unfinished.parts.push(Buffer.from(bytes.subarray(start, end)));
    if (!last) return undefined;
    this.unfinished = undefined;
    return { ...unfinished.block, fragment: Buffer.concat(unfinished.parts) };
  }
}
