import { fieldOverhead } from './header-list.js';

/** The size of a dynamic table until the two sides agree on another (RFC 9113, section 6.5.2), in bytes. */
export const initialTableSize = 4096;

/** Bytes that a field takes of a dynamic table. */
export function sizeInTable(name: string, value: string): number {
  return name.length + value.length + fieldOverhead;
}

/**
 * The dynamic table of one direction of a connection (RFC 7541, section 2.3.2): a ring, the oldest fields of which make room for new ones.
 *
 * Memory: the characters of its fields are at most `largestSize` bytes, in at most `largestSize / 32` fields of two strings each.
 */
export class DynamicTable {
  private readonly ringNames: string[] = [];
  private readonly ringValues: string[] = [];
  /** The names and the values, by the places that `placeOf` gives. */
  readonly names: readonly string[] = this.ringNames;
  readonly values: readonly string[] = this.ringValues;
  /** The ring's length, a power of two, less one. The two lists grow to that length as fields come. */
  private readonly mask: number;
  /** The place in the ring of the next field. */
  private next = 0;
  private fields = 0;
  private bytes = 0;
  private maximum = initialTableSize;

  /** @param largestSize the greatest size that `resize` will be called with, in bytes, and at least `initialTableSize` */
  constructor(largestSize: number) {
    const most = Math.max(1, Math.ceil(largestSize / fieldOverhead));
    this.mask = 2 ** Math.ceil(Math.log2(most)) - 1;
  }

  /** How many fields there are. */
  get count(): number {
    return this.fields;
  }

  /** Bytes that the fields take, `sizeInTable` each. */
  get size(): number {
    return this.bytes;
  }

  /** Bytes that the fields may take. */
  get maxSize(): number {
    return this.maximum;
  }

  /** The place of a field in `names` and `values`; 0 is the age of the newest one. A place where nothing is, when there is no such field. */
  placeOf(age: number): number {
    return age < this.fields ? (this.next - 1 - age) & this.mask : -1;
  }

  /** Adds a field, for which old ones are dropped. A field larger than the whole table empties it, and is not kept. */
  insert(name: string, value: string): void {
    const size = sizeInTable(name, value);
    this.evict(this.maximum - size);
    if (size > this.maximum) return;
    this.ringNames[this.next] = name;
    this.ringValues[this.next] = value;
    this.next = (this.next + 1) & this.mask;
    this.fields += 1;
    this.bytes += size;
  }

  /** Sets how many bytes the fields may take, and drops old fields until that holds. */
  resize(maxSize: number): void {
    this.maximum = maxSize;
    this.evict(maxSize);
  }

  /** Drops the oldest fields until no more than `bytes` are taken, or none is left. */
  private evict(bytes: number): void {
    while (this.bytes > bytes && this.fields > 0) {
      const oldest = (this.next - this.fields) & this.mask;
      this.bytes -= sizeInTable(this.names[oldest] ?? '', this.values[oldest] ?? '');
      this.ringNames[oldest] = '';
      this.ringValues[oldest] = '';
      this.fields -= 1;
    }
  }
}
