import type { Stream } from './stream.js';

const leastSlots = 16;
/** Identifiers of streams that we have reset, of which frames may still be on their way. */
const remembered = 1024;

/**
 * The open streams of a connection by their identifiers. It is a table of chains of its own and not a Map: when V8 replaces the table
 * behind a long-lived Map, the old one keeps every stream that was ever in it alive over all minor garbage collections.
 */
export class StreamTable {
  /** The largest identifier that the client has used. */
  lastId = 0;
  private slots: (Stream | undefined)[] = [];
  private count = 0;
  private readonly resetIds: number[] = [];
  private nextReset = 0;

  get size(): number {
    return this.count;
  }

  find(id: number): Stream | undefined {
    let stream = this.slots[this.slotOf(id)];
    while (stream !== undefined && stream.id !== id) stream = stream.chained;
    return stream;
  }

  add(stream: Stream): void {
    if (this.count >= this.slots.length) this.grow();
    this.put(stream);
    this.count += 1;
  }

  /** Removes a stream that is in the table. */
  remove(stream: Stream): void {
    const slot = this.slotOf(stream.id);
    let before = this.slots[slot];
    if (before === stream) {
      this.slots[slot] = stream.chained;
    } else {
      while (before !== undefined && before.chained !== stream) before = before.chained;
      if (before === undefined) return;
      before.chained = stream.chained;
    }
    stream.chained = undefined;
    this.count -= 1;
  }

  /** All open streams, as a list of its own. */
  all(): Stream[] {
    const streams: Stream[] = [];
    for (const first of this.slots) for (let one = first; one !== undefined; one = one.chained) streams.push(one);
    return streams;
  }

  /** Remembers that we have reset a stream while the client could still send in it. */
  rememberReset(id: number): void {
    this.resetIds[this.nextReset] = id;
    this.nextReset = (this.nextReset + 1) % remembered;
  }

  /** Whether frames of this stream that still come are to be ignored. */
  wasReset(id: number): boolean {
    return this.resetIds.includes(id);
  }

  private slotOf(id: number): number {
    return (id >>> 1) & (this.slots.length - 1);
  }

  private put(stream: Stream): void {
    const slot = this.slotOf(stream.id);
    stream.chained = this.slots[slot];
    this.slots[slot] = stream;
  }

  private grow(): void {
    const streams = this.all();
    this.slots = Array.from({ length: Math.max(leastSlots, 2 * this.slots.length) }, () => undefined);
    for (const stream of streams) this.put(stream);
  }
}
