import { BlockCache } from './block-cache.js';
import { DynamicTable, initialTableSize } from './dynamic-table.js';
import { fieldOverhead, type HeaderList } from './header-list.js';
import { HpackError } from './hpack-error.js';
import { decodeHuffman, longestDecoded } from './huffman.js';
import { lastStaticIndex, staticNames, staticValues } from './static-table.js';

/** The most bytes of an integer behind its first one: enough for 32 bits, and three bits more that have to be zeros. */
const mostContinuationBytes = 5;
/** The greatest integer that is taken: the greatest SETTINGS_HEADER_TABLE_SIZE. */
const greatestInteger = 0xffffffff;
/** RFC 7541, section 4.2: the least size since the last block, and the last one. */
const mostSizeUpdates = 2;

/** Where strings are put together: their bytes are gone when a decoder returns. Longer ones get memory of their own. */
const shared = Buffer.allocUnsafeSlow(16 * 1024);

export interface DecoderOptions {
  /** SETTINGS_HEADER_TABLE_SIZE of the SETTINGS that we send first, in bytes. Default: 4096, as if none were sent. */
  maxTableSize?: number;
  /** SETTINGS_MAX_HEADER_LIST_SIZE: the bytes of all names and values, and 32 for each field. */
  maxListSize: number;
}

/**
 * Decodes the header blocks of one direction of a connection (RFC 7541), in the order in which they come.
 *
 * Memory: the dynamic table (`maxTableSize` bytes, or 4096 where that is more, as characters of strings) and the last blocks (`BlockCache`): under 64 KiB
 * for a table of 4096 bytes, whatever the peer sends, and a few KiB for a client that calls some methods.
 */
export class HpackDecoder {
  private readonly table: DynamicTable;
  private readonly blocks = new BlockCache();
  private readonly maxListSize: number;
  /** The greatest size of the table, whatever is acknowledged. */
  private readonly largestSize: number;
  /** The greatest size that the peer may give its table. */
  private sizeLimit: number;
  /** A size over which the peer's table may not be any more, and of which the next block has to tell. */
  private sizeToTell: number | undefined;
  /** The block that is read, and where. */
  private block: Uint8Array = shared;
  private at = 0;

  constructor({ maxTableSize = initialTableSize, maxListSize }: DecoderOptions) {
    this.largestSize = Math.max(maxTableSize, initialTableSize);
    this.sizeLimit = this.largestSize;
    this.table = new DynamicTable(this.largestSize);
    this.maxListSize = maxListSize;
  }

  /**
   * To be called when the peer has acknowledged SETTINGS with this SETTINGS_HEADER_TABLE_SIZE, in bytes: at most the `maxTableSize` of the
   * constructor, or 4096 where that is more (throws a RangeError). A table that is larger has to be made smaller at the beginning of the next block.
   */
  acknowledged(maxTableSize: number): void {
    if (maxTableSize > this.largestSize)
      throw new RangeError(`a table of ${maxTableSize} bytes is over the ${this.largestSize} of the decoder`);
    this.sizeLimit = maxTableSize;
    if (this.table.maxSize <= maxTableSize) return;
    this.sizeToTell = Math.min(this.sizeToTell ?? maxTableSize, maxTableSize);
    this.blocks.clear();
  }

  /**
   * Decodes a whole header block: the payloads of HEADERS and CONTINUATION, joined. Undefined for a list over `maxListSize`: it is decoded to
   * its end, so that the table stays right, and its fields are dropped. A block that came lately, and did not change the table, gives the same list object.
   * Throws an HpackError for a malformed block: the connection has to end.
   */
  decode(block: Uint8Array): HeaderList | undefined {
    const known = this.blocks.find(block);
    if (known !== undefined) return known;
    this.block = block;
    this.at = 0;
    let changed = this.readSizeUpdates();
    const { table } = this;
    const list: string[] = [];
    let size = 0;
    while (this.at < block.length) {
      const first = block[this.at] ?? 0;
      let name: string | undefined;
      let value: string | undefined;
      if (first >= 0x80) {
        // Nearly all fields of nearly all blocks are here, so nothing is called for them but what is compiled in place.
        let index = first & 0x7f;
        if (index === 0x7f) index = this.readInteger(0x7f);
        else this.at += 1;
        if (index <= lastStaticIndex) {
          name = staticNames[index];
          value = staticValues[index];
        } else {
          const place = table.placeOf(index - lastStaticIndex - 1);
          name = table.names[place];
          value = table.values[place];
        }
        if (name === undefined || value === undefined) throw noField(index);
      } else {
        const indexed = first >= 0x40;
        if (!indexed && first >= 0x20) throw new HpackError('a size of the dynamic table is told behind a field, or for the third time');
        const index = this.readInteger(indexed ? 0x3f : 0x0f);
        name = index === 0 ? this.readString() : this.nameAt(index);
        value = this.readString();
        if (indexed) {
          table.insert(name, value);
          changed = true;
        }
      }
      size += name.length + value.length + fieldOverhead;
      if (size <= this.maxListSize) list.push(name, value);
    }
    this.block = shared;
    if (changed) this.blocks.clear();
    if (size > this.maxListSize) return undefined;
    if (!changed) this.blocks.put(block, list);
    return list;
  }

  /** Reads the sizes of the dynamic table that a block may begin with. Returns whether there were any. */
  private readSizeUpdates(): boolean {
    let updates = 0;
    for (; updates < mostSizeUpdates && ((this.block[this.at] ?? 0) & 0xe0) === 0x20; updates++) {
      const size = this.readInteger(0x1f);
      const limit = this.sizeToTell ?? this.sizeLimit;
      if (size > limit) throw new HpackError(`the dynamic table gets ${size} bytes, and may have ${limit}`);
      this.sizeToTell = undefined;
      this.table.resize(size);
    }
    if (this.sizeToTell !== undefined) {
      throw new HpackError(`the dynamic table may have ${this.sizeToTell} bytes, and the first block since does not begin with its size`);
    }
    return updates > 0;
  }

  private nameAt(index: number): string {
    const { table } = this;
    const name = index <= lastStaticIndex ? staticNames[index] : table.names[table.placeOf(index - lastStaticIndex - 1)];
    if (name === undefined) throw noField(index);
    return name;
  }

  /** Reads an integer (RFC 7541, section 5.1), the first byte of which has the bits of `mask` for it. */
  private readInteger(mask: number): number {
    const low = this.readByte() & mask;
    if (low < mask) return low;
    let value = low;
    for (let place = 0, factor = 1; place < mostContinuationBytes; place++, factor *= 128) {
      const byte = this.readByte();
      value += (byte & 0x7f) * factor;
      if (value > greatestInteger) break;
      if (byte < 0x80) return value;
    }
    throw new HpackError('an integer is over 32 bits');
  }

  private readByte(): number {
    const byte = this.block[this.at];
    if (byte === undefined) throw new HpackError('a header block ends within a field');
    this.at += 1;
    return byte;
  }

  /** Reads a string (RFC 7541, section 5.2). */
  private readString(): string {
    const { block } = this;
    const huffman = (block[this.at] ?? 0) >= 0x80;
    const length = this.readInteger(0x7f);
    const start = this.at;
    const end = start + length;
    if (end > block.length) throw new HpackError('a header block ends within a string');
    this.at = end;
    const most = huffman ? longestDecoded(length) : length;
    const bytes = most <= shared.length ? shared : Buffer.allocUnsafeSlow(most);
    if (huffman) return bytes.toString('latin1', 0, decodeHuffman(block, start, end, bytes));
    for (let at = 0; at < length; at++) bytes[at] = block[start + at] ?? 0;
    return bytes.toString('latin1', 0, length);
  }
}

function noField(index: number): HpackError {
  return new HpackError(`there is no field with the index ${index}`);
}
