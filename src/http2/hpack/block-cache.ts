import type { HeaderList } from './header-list.js';

/** Places for blocks, a power of two. Each block has one place, by its bytes, so that one comparison finds it or tells that it is not there. */
const places = 64;
/** Bytes of all the blocks that are kept. */
const mostBytes = 2048;

interface Entry {
  /** Where the block begins in the cache's bytes. */
  start: number;
  length: number;
  list: HeaderList;
}

const nothing = new Uint8Array(0);

/**
 * Header blocks that came lately, with what they mean: a client that calls a method again sends the very bytes again, and gets the very list.
 * It holds for one state of the dynamic table: a block that changes the table is not put in, and `clear` is called for it.
 *
 * Memory: 2 KiB of blocks, from the first one on, and their lists, which have no more fields than there are bytes, 2048 together.
 */
export class BlockCache {
  /** The blocks, one behind the other. */
  private bytes: Uint8Array = nothing;
  private used = 0;
  private entries: (Entry | undefined)[] = [];
  /** The place of the block that was looked for last. */
  private place = 0;

  /** The list of a block that was put in since the cache was cleared. */
  find(block: Uint8Array): HeaderList | undefined {
    // Most often it is the block that came just before, and then its place need not be computed.
    const last = this.entries[this.place];
    if (last !== undefined && this.holds(last, block)) return last.list;
    let hash = block.length;
    for (let at = 0; at < block.length; at++) hash = (Math.imul(hash, 31) + (block[at] ?? 0)) | 0;
    this.place = (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (places - 1);
    const entry = this.entries[this.place];
    return entry !== undefined && this.holds(entry, block) ? entry.list : undefined;
  }

  /** Keeps the block that `find` was called for last and did not find. A full cache is cleared first; a block too long for it is not kept. */
  put(block: Uint8Array, list: HeaderList): void {
    if (block.length === 0 || block.length > mostBytes / 2) return;
    if (this.used + block.length > mostBytes) this.clear();
    if (this.bytes === nothing) {
      this.bytes = new Uint8Array(mostBytes);
      this.entries = Array.from({ length: places });
    }
    this.bytes.set(block, this.used);
    this.entries[this.place] = { start: this.used, length: block.length, list };
    this.used += block.length;
  }

  clear(): void {
    if (this.used === 0) return;
    this.used = 0;
    this.entries.fill(undefined);
  }

  private holds({ start, length }: Entry, block: Uint8Array): boolean {
    if (length !== block.length) return false;
    const { bytes } = this;
    for (let at = 0; at < length; at++) if (bytes[start + at] !== block[at]) return false;
    return true;
  }
}
