import { performance } from 'node:perf_hooks';
import { DcfError } from '../../core/errors.js';
import type { Call } from '../calls/call.js';

/** Calls are sent ahead only while they are this short on average: a worker waits 0.3 to 1 ms for its next call, most under overload. */
const shortRunMs = 20;
/** The mean of the run times is used after this many calls. */
const fewCalls = 10;

/** Which slots of a worker are taken, and the one call that may be sent ahead of them. */
export class WorkerSlots {
  /** Number of slots that are taken; the call ahead counts as one. */
  private taken = 0;
  private callAhead: Call | undefined;
  /** Number of streamed calls in slots. */
  private streams = 0;
  private answered = 0;
  private meanRunMs = 0;

  /**
   * @param count - how many calls, or batches, the Handler takes at the same time
   * @param sendsAhead - whether a call may ever be sent ahead of its slot
   */
  constructor(
    private readonly count: number,
    private readonly sendsAhead: boolean,
  ) {}

  get free(): number {
    return this.count - this.taken;
  }

  /** The call that was sent while every slot was taken, so that the worker does not have to wait for it; it has not begun. */
  get ahead(): Call | undefined {
    return this.callAhead;
  }

  /** Whether there is a slot for the call ahead: it begins as soon as the worker has read it. */
  get aheadBegins(): boolean {
    return this.taken <= this.count;
  }

  /** Whether one more call may be sent ahead of the slot that it will need. */
  get takesAhead(): boolean {
    if (!this.sendsAhead || this.callAhead !== undefined || this.taken !== this.count) return false;
    // Nobody knows how long a stream goes on.
    return this.streams === 0 && this.answered >= fewCalls && this.meanRunMs <= shortRunMs;
  }

  /** How long the Handler usually takes for a call, or for its batch, in milliseconds; `undefined` before there were enough calls. */
  get usualRunMs(): number | undefined {
    return this.answered >= fewCalls ? this.meanRunMs : undefined;
  }

  get hasStreams(): boolean {
    return this.streams > 0;
  }

  /** Takes a slot for a call, or makes it the call ahead when no slot is free. Returns whether it is ahead. */
  take(call: Call): boolean {
    const ahead = this.taken >= this.count;
    this.taken += 1;
    if (ahead) this.callAhead = call;
    if (call.stream !== undefined) this.streams += 1;
    return ahead;
  }

  /** To be called when a call in a slot becomes a stream. */
  becameStream(): void {
    this.streams += 1;
  }

  /** Takes one slot for all calls of a batch. */
  takeForBatch(calls: readonly Call[]): void {
    const batch = { size: calls.length, left: calls.length };
    this.taken += 1;
    for (const call of calls) call.joinBatch(batch);
  }

  /** Notes that the call ahead has begun, and returns it. Throws a DcfError INTERNAL when it does not have this number. */
  begin(id: number): Call {
    const { callAhead } = this;
    if (callAhead?.wireId !== id) throw new DcfError('INTERNAL', `the worker has started call ${id}, which was not sent ahead`);
    this.callAhead = undefined;
    callAhead.begin();
    return callAhead;
  }

  /** Frees the slot of a call that leaves the worker; in a batch, the last call does. */
  giveBack(call: Call): void {
    const { batch } = call;
    if (call === this.callAhead) this.callAhead = undefined;
    if (batch !== undefined) batch.left -= 1;
    if (batch === undefined || batch.left === 0) this.taken -= 1;
    if (call.stream !== undefined) this.streams -= 1;
    call.leaveBatch();
  }

  /** Notes how long a call took: that decides whether calls are sent ahead. */
  measure(call: Call): void {
    this.answered += 1;
    this.meanRunMs += 0.1 * (performance.now() - call.startedAt - this.meanRunMs);
  }
}
