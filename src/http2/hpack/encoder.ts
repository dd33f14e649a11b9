import { DynamicTable, initialTableSize, sizeInTable } from './dynamic-table.js';
import type { HeaderList } from './header-list.js';
import { lastStaticIndex, staticFields } from './static-table.js';

/** Fields that no proxy on the way may put in a table either: what they hold could be guessed from the length of blocks (RFC 7541, section 7.1). */
const sensitiveNames: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/** The most bytes that a string takes beside its own: its length, and the representation of its field. */
const stringOverhead = 6;
/** The most bytes of two sizes of the dynamic table. */
const sizesOverhead = 12;
/** Longer strings are written by Node, shorter ones byte by byte: the call costs as much as so many bytes. */
const shortString = 48;

/** In place of the least size: both sizes have to be told, whatever they were before. */
const everySize = -1;

const wideCharacter = /[\u0100-\uffff]/;

/**
 * Encodes the header blocks of one direction of a connection (RFC 7541).
 *
 * Fields of the static table, and those of a few names that are given to the constructor, become one byte, the latter from their second time on. All others are
 * literals that no table keeps, and sensitive ones (authorization, cookies) are marked so that no proxy on the way keeps them. Huffman code is not used: it
 * takes more time than the bytes that it saves.
 *
 * Memory: the dynamic table, up to 4096 bytes as characters of strings. A full table takes no new fields, and drops none: fields that vary
 * never push out those that come again and again.
 */
export class HpackEncoder {
  private readonly table = new DynamicTable(initialTableSize);
  /** The number of each field of the table, counted from 0 in the order in which they were put in: by name, then by value. */
  private readonly numbers = new Map<string, Map<string, number>>();
  /** How many fields were ever put in the table. */
  private inserted = 0;
  /** Sizes to be told at the beginning of the next block, if they differ: the least since the last block, and the one to be had then. */
  private leastSize = initialTableSize;
  private nextSize = initialTableSize;

  /** @param indexedNames names of which the values come again and again, and are no secrets: they are put in the dynamic table */
  constructor(private readonly indexedNames: ReadonlySet<string>) {
    for (const name of sensitiveNames) if (indexedNames.has(name)) throw new TypeError(`the field ${name} must not be indexed`);
  }

  /** To be called when the peer's SETTINGS have a SETTINGS_HEADER_TABLE_SIZE, in bytes. At most 4096 are used, and the next block tells of a change. */
  setMaxTableSize(size: number): void {
    this.nextSize = Math.min(size, initialTableSize);
    this.leastSize = Math.min(this.leastSize, this.nextSize);
  }

  /**
   * Encodes a block into `target` from `offset` on. Returns where it ends, or -1 where `target` may be too short for it (nothing has happened
   * then). Blocks have to be sent in the order in which they are encoded, all of them. Throws a TypeError for a character over 0xff; the next
   * block can be encoded all the same.
   */
  encodeInto(target: Buffer, offset: number, headers: HeaderList): number {
    if (offset + mostBytes(headers) > target.length) return -1;
    let at = this.writeSizes(target, offset);
    for (let place = 0; place + 1 < headers.length; place += 2) {
      at = this.writeField(target, at, headers[place] ?? '', headers[place + 1] ?? '');
      if (at === -1) throw this.unsendable(headers[place] ?? '');
    }
    return at;
  }

  /** Encodes a block into memory of its own: see `encodeInto`. */
  encode(headers: HeaderList): Buffer {
    const target = Buffer.allocUnsafe(mostBytes(headers));
    return target.subarray(0, this.encodeInto(target, 0, headers));
  }

  private writeSizes(target: Buffer, offset: number): number {
    const { table } = this;
    let at = offset;
    if (this.leastSize < table.maxSize) at = this.writeSize(target, at, Math.max(this.leastSize, 0));
    if (this.nextSize !== table.maxSize) at = this.writeSize(target, at, this.nextSize);
    this.leastSize = this.nextSize;
    return at;
  }

  private writeSize(target: Buffer, at: number, size: number): number {
    const { table } = this;
    table.resize(size);
    const oldest = this.inserted - table.count;
    for (const values of this.numbers.values()) {
      for (const [value, number] of values) if (number < oldest) values.delete(value);
    }
    return writeInteger(target, at, 0x20, 0x1f, size);
  }

  /** Returns where the field ends, or -1 where it has a character over 0xff. */
  private writeField(target: Buffer, at: number, name: string, value: string): number {
    const number = this.numbers.get(name)?.get(value);
    if (number !== undefined) return writeInteger(target, at, 0x80, 0x7f, lastStaticIndex + this.inserted - number);
    const known = staticFields.get(name);
    const whole = known?.values.get(value);
    if (whole !== undefined) {
      target[at] = 0x80 | whole;
      return at + 1;
    }
    const nameIndex = known === undefined ? 0 : known.index;
    if (!this.indexedNames.has(name)) {
      return writeLiteral(target, writeInteger(target, at, sensitiveNames.has(name) ? 0x10 : 0, 0x0f, nameIndex), nameIndex, name, value);
    }
    if (this.table.size + sizeInTable(name, value) > this.table.maxSize) {
      return writeLiteral(target, writeInteger(target, at, 0, 0x0f, nameIndex), nameIndex, name, value);
    }
    this.insert(name, value);
    return writeLiteral(target, writeInteger(target, at, 0x40, 0x3f, nameIndex), nameIndex, name, value);
  }

  private insert(name: string, value: string): void {
    this.table.insert(name, value);
    const values = this.numbers.get(name) ?? new Map<string, number>();
    this.numbers.set(name, values);
    values.set(value, this.inserted);
    this.inserted += 1;
  }

  /**
   * Gives up a block of which a part is written: it will not be sent, but fields of it are in the table, and sizes may be told in it. So the next block
   * empties the tables of both sides.
   */
  private unsendable(name: string): TypeError {
    this.leastSize = everySize;
    return new TypeError(`the field ${JSON.stringify(name)} has a character over 0xff, which HTTP/2 cannot send`);
  }
}

/** The most bytes that the block of a list may have. */
function mostBytes(headers: HeaderList): number {
  let bytes = sizesOverhead;
  for (const text of headers) bytes += text.length + stringOverhead;
  return bytes;
}

/** Writes what follows the index of a literal's name, which is 0 where the name is written out. Returns the end, or -1 for a character over 0xff. */
function writeLiteral(target: Buffer, at: number, nameIndex: number, name: string, value: string): number {
  const valueAt = nameIndex === 0 ? writeString(target, at, name) : at;
  return valueAt === -1 ? -1 : writeString(target, valueAt, value);
}

/** Writes a string as it is. Returns the end, or -1 for a character over 0xff. */
function writeString(target: Buffer, at: number, text: string): number {
  const { length } = text;
  const start = writeInteger(target, at, 0, 0x7f, length);
  if (length > shortString) return wideCharacter.test(text) ? -1 : start + target.write(text, start, 'latin1');
  let all = 0;
  for (let place = 0; place < length; place++) {
    const code = text.charCodeAt(place);
    all |= code;
    target[start + place] = code;
  }
  return all > 0xff ? -1 : start + length;
}

/** Writes an integer (RFC 7541, section 5.1), the first byte of which has the bits of `mask` for it, and the others of `pattern`. Returns the end. */
function writeInteger(target: Buffer, at: number, pattern: number, mask: number, value: number): number {
  if (value < mask) {
    target[at] = pattern | value;
    return at + 1;
  }
  target[at] = pattern | mask;
  let rest = value - mask;
  let end = at + 1;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) target[end++] = (rest & 0x7f) | 0x80;
  target[end] = rest;
  return end + 1;
}
