/** Shorter bodies are allocated from Node's own pool. */
const minLength = 64 * 1024;
/** Longer bodies are rare, and are left to the garbage collector. */
const maxLength = 4 * 1024 * 1024;
const maxKept = 8;

/**
 * Memory of long bodies, which is used again once nobody reads it. With new memory for each of many bodies of a megabyte, V8's limit for
 * memory outside its heap is reached so fast that buffers in flight are promoted to the old generation, and only full garbage
 * collections free them. Those took a quarter of the time.
 */
export class BodyPool {
  private kept: ArrayBufferLike[] = [];

  /** Allocates `length` bytes, which are not cleared. */
  allocate(length: number): Buffer {
    if (length < minLength || length > maxLength) return Buffer.allocUnsafe(length);
    const index = this.kept.findIndex((memory) => memory.byteLength >= length && memory.byteLength <= 2 * length);
    const [memory] = index === -1 ? [] : this.kept.splice(index, 1);
    return memory === undefined ? Buffer.allocUnsafeSlow(length) : Buffer.from(memory, 0, length);
  }

  /** Gives back the memory of a body from `allocate`. Nobody may read or write the body afterwards. */
  release(body: Uint8Array): void {
    const memory = body.buffer;
    if (memory.byteLength < minLength || memory.byteLength > maxLength || this.kept.length >= maxKept) return;
    if (!this.kept.includes(memory)) this.kept.push(memory);
  }
}
