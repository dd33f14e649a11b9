/** Bytes after which a minor garbage collection is asked for: one of this much takes half a millisecond. */
const collectedAtOnce = 8 * 1024 * 1024;

/**
 * Asks for garbage collections of short-lived memory outside V8's heap: grpc-js copies each message of a stream. V8 by itself keeps up
 * to 32 MiB of such garbage (twice its largest semi-space, `Heap::AllocateExternalBackingStore` in heap.cc), however slowly it grows.
 */
export class CopiedMemory {
  private length = 0;

  /** @param collect - runs a minor garbage collection; `undefined` if Node was started without `--expose-gc`: V8 alone decides then */
  constructor(private readonly collect: (() => void) | undefined) {}

  /** Counts bytes that were copied to memory which is garbage now, or soon. */
  add(length: number): void {
    this.length += length;
    if (this.length < collectedAtOnce) return;
    this.length = 0;
    this.collect?.();
  }
}

/** The one counter for all streams of this process. */
export const copiedMemory = new CopiedMemory(globalThis.gc === undefined ? undefined : () => globalThis.gc?.({ type: 'minor' }));
