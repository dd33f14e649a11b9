import { DcfError } from '../../core/errors.js';
import type { Call } from '../calls/call.js';

/** Room for one call. All ids that are given to its calls have the same remainder when divided by the number of places. */
interface Place {
  call: Call | undefined;
  lastId: number;
  lastRequestId: string;
}

/** The largest id: ids are 32-bit numbers, and 0 means none. */
const maxWireId = 0xffffffff;

/** The calls that a worker has, by their numbers on its stream. It uses arrays instead of a Map, for the reason that LinkedList gives. */
export class CallTable {
  private readonly places: readonly Place[];
  private readonly free: Place[];

  /** @param length - the most calls that it holds at one time */
  constructor(length: number) {
    this.places = Array.from({ length }, (_, index) => ({ call: undefined, lastId: index + 1, lastRequestId: '' }));
    this.free = [...this.places];
  }

  /** How many calls there are. */
  get size(): number {
    return this.places.length - this.free.length;
  }

  /** Takes a call in, and returns its number. Throws a DcfError INTERNAL when there is no room. */
  put(call: Call): number {
    const place = this.free.pop();
    if (place === undefined) throw new DcfError('INTERNAL', `a worker has room for ${this.places.length} calls and was given one more`);
    const id = place.lastId + this.places.length;
    place.lastId = id > maxWireId ? ((id - 1) % this.places.length) + 1 : id;
    place.lastRequestId = call.invocation.requestId;
    place.call = call;
    return place.lastId;
  }

  /** The call with this number, while it is there. */
  find(id: number): Call | undefined {
    const place = this.placeOf(id);
    return place?.lastId === id ? place.call : undefined;
  }

  /** Takes a call out and returns it. Throws a DcfError INTERNAL when there is none with this number. */
  take(id: number): Call {
    const place = this.placeOf(id);
    const call = place?.call;
    if (place === undefined || call === undefined || place.lastId !== id)
      throw new DcfError('INTERNAL', `the worker answered call ${id}, which it does not have`);
    place.call = undefined;
    this.free.push(place);
    return call;
  }

  /** Takes all calls out. */
  takeAll(): Call[] {
    const calls = this.all();
    for (const call of calls) this.take(call.wireId);
    return calls;
  }

  all(): Call[] {
    return this.places.flatMap(({ call }) => (call === undefined ? [] : [call]));
  }

  /** The request id of the call with this number; of a call that has ended, too, until its place is used again. Empty for no call. */
  requestIdOf(id: number): string {
    const place = this.placeOf(id);
    return place?.lastId === id ? place.lastRequestId : '';
  }

  private placeOf(id: number): Place | undefined {
    return this.places[(id - 1) % this.places.length];
  }
}
