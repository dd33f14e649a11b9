import { DcfError } from '../../core/errors.js';
import type { Call } from '../calls/call.js';

/** Room for a call, and the id that was given there last: one that has the same remainder for every call of the place. */
interface Place {
  call: Call | undefined;
  lastId: number;
  lastRequestId: string;
}

/** An id is a 32-bit number; 0 means none. */
const maxWireId = 0xffffffff;

/** The calls that a worker has, by their numbers on its stream. Arrays and no Map, for the reason that LinkedList gives. */
export class CallTable {
  private readonly places: readonly Place[];
  private readonly free: Place[];

  /** @param length - the most calls that it ever has */
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
    if (place === undefined) throw new DcfError('INTERNAL', 'a worker got more calls than it has room for');
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
      throw new DcfError('INTERNAL', `an answer came for call ${id}, which the worker does not have`);
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

  /** Request id of the call with this number; also of a call that has ended, until its place is used again. */
  requestIdOf(id: number): string {
    const place = this.placeOf(id);
    return place?.lastId === id ? place.lastRequestId : '';
  }

  private placeOf(id: number): Place | undefined {
    return this.places[(id - 1) % this.places.length];
  }
}
