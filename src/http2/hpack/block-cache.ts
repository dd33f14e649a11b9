import type { HeaderList } from './header-list.js';

const mostBlocks = 8;
/** Bytes of all the blocks that are kept. */
const mostBytes = 2048;

/**
 * Header blocks that came lately, with what they mean: a client that calls a method again sends the very bytes again, and gets the very list.
 * It holds for one state of the dynamic table: a block that changes the table is not put in, and `clear` is called for it.
 *
 * Memory: 2 KiB of blocks, from the first one on, and eight lists.
 */
export class BlockCache {
  private bytes: Uint8Array | undefined;
  private used = 0;
  /** Where each block ends in `bytes`; it begins where the one before ends. */
  private readonly ends: number[] = [];
  private readonly lists: HeaderList[] = [];

  /** The list of a block that was put in since the cache was cleared. */
  find(block: Uint8Array): HeaderList | undefined {
    const { bytes, ends } = this;
    if (bytes === undefined) return undefined;
    let start = 0;
    for (let place = 0; place < ends.length; place++) {
      const end = ends[place] ?? 0;
      if (end - start === block.length) {
        let at = 0;
        while (at < block.length && bytes[start + at] === block[at]) at++;
        if (at === block.length) return this.lists[place];
      }
      start = end;
    }
    return undefined;
  }

  /** Keeps a block that was not found. A full cache is cleared first; a block too long for it is not kept. */
  put(block: Uint8Array, list: HeaderList): void {
    if (block.length > mostBytes / 2) return;
    if (this.lists.length === mostBlocks || this.used + block.length > mostBytes) this.clear();
    this.bytes ??= new Uint8Array(mostBytes);
    this.bytes.set(block, this.used);
    this.used += block.length;
    this.ends.push(this.used);
    this.lists.push(list);
  }

  clear(): void {
    if (this.lists.length === 0) return;
    this.used = 0;
    this.ends.length = 0;
    this.lists.length = 0;
  }
}
