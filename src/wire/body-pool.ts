/** Shorter bodies come from Node's own pool. */
const minLength = 64 * 1024;
/** Longer ones are rare enough to be left to the garbage collector. */
const maxLength = 4 * 1024 * 1024;
const maxKept = 8;

/**
 * Memory of long bodies, used again once nobody reads it any more. Fresh memory for each of many bodies of a megabyte fills
 * what V8 allows outside its heap so fast that buffers in flight are promoted, and then only full collections free them: those
 * took a quarter of the time.
 */
export class BodyPool {
  private kept: ArrayBufferLike[] = [];

  /** Memory of `length` bytes with any content. */
  allocate(length: number): Buffer {
    if (length < minLength || length > maxLength) return Buffer.allocUnsafe(length);
    const index = this.kept.findIndex((memory) => memory.byteLength >= length && memory.byteLength <= 2 * length);
    const [memory] = index === -1 ? [] : this.kept.splice(index, 1);
    return memory === undefined ? Buffer.allocUnsafeSlow(length) : Buffer.from(memory, 0, length);
  }

  /** Gives back the memory of a body that `allocate` made and that nobody will read or write again. */
  release(body: Uint8Array): void {
    const memory = body.buffer;
    if (memory.byteLength < minLength || memory.byteLength > maxLength || this.kept.length >= maxKept) return;
    if (!this.kept.includes(memory)) this.kept.push(memory);
  }
}
