/** A young collection of so much takes half a millisecond. */
const collectedAtOnce = 8 * 1024 * 1024;

/**
 * Memory outside V8's heap whose use was over at once: grpc-js copies each message of a stream. V8 by itself lets 32 MiB of it
 * lie (twice its largest semi-space, `Heap::AllocateExternalBackingStore` in heap.cc) before it collects, however slowly it came.
 */
export class CopiedMemory {
  private length = 0;

  /** @param collect - a young collection; without one, where Node was started without `--expose-gc`, V8 does as it likes */
  constructor(private readonly collect: (() => void) | undefined) {}

  /** Bytes were copied to memory that is garbage now, or soon. */
  add(length: number): void {
    this.length += length;
    if (this.length < collectedAtOnce) return;
    this.length = 0;
    this.collect?.();
  }
}

/** What all streams of this process have copied. */
export const copiedMemory = new CopiedMemory(globalThis.gc === undefined ? undefined : () => globalThis.gc?.({ type: 'minor' }));
