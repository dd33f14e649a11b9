import { performance } from 'node:perf_hooks';
import { DcfError } from '../../core/errors.js';
import type { Call } from '../calls/call.js';

/** Where calls are as short as this, in milliseconds, what a worker waits for the next one counts: 0.3 to 1 ms, under overload most. */
const shortRunMs = 20;
/** Calls after which the mean of their times says something. */
const fewCalls = 10;

/** Which slots of a worker are taken, and the one call that may be sent ahead of them. */
export class WorkerSlots {
  /** Slots that are taken, and the call ahead. */
  private taken = 0;
  private callAhead: Call | undefined;
  /** Calls in slots whose chunks come and go. */
  private streams = 0;
  private answered = 0;
  private meanRunMs = 0;

  /**
   * @param count - calls, or batches, in the Handler at the same time
   * @param sendsAhead - whether a call may ever be sent ahead of its slot
   */
  constructor(
    private readonly count: number,
    private readonly sendsAhead: boolean,
  ) {}

  get free(): number {
    return this.count - this.taken;
  }

  /** The call that was sent while every slot was taken, so that the worker need not wait for it; it has not begun. */
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
    // How long a stream goes on nobody knows.
    return this.streams === 0 && this.answered >= fewCalls && this.meanRunMs <= shortRunMs;
  }

  /** How long the Handler usually takes for a call, or for the batch that it is in, in milliseconds; `undefined` after few calls. */
  get usualRunMs(): number | undefined {
    return this.answered >= fewCalls ? this.meanRunMs : undefined;
  }

  get hasStreams(): boolean {
    return this.streams > 0;
  }

  /** Takes a slot for a call, or sends it ahead where none is free. Returns whether it is ahead. */
  take(call: Call): boolean {
    const ahead = this.taken >= this.count;
    this.taken += 1;
    if (ahead) this.callAhead = call;
    if (call.stream !== undefined) this.streams += 1;
    return ahead;
  }

  /** The output of a call in a slot turned out to come in chunks. */
  becameStream(): void {
    this.streams += 1;
  }

  /** Takes one slot for all calls of a batch. */
  takeForBatch(calls: readonly Call[]): void {
    const batch = { size: calls.length, left: calls.length };
    this.taken += 1;
    for (const call of calls) call.joinBatch(batch);
  }

  /** The call ahead has begun, and is returned. Throws a DcfError INTERNAL when it does not have this number. */
  begin(id: number): Call {
    const { callAhead } = this;
    if (callAhead?.wireId !== id) throw new DcfError('INTERNAL', `call ${id} has started, which was not sent ahead`);
    this.callAhead = undefined;
    callAhead.begin();
    return callAhead;
  }

  /** A call is not the worker's any more; the last one of a batch frees its slot. */
  giveBack(call: Call): void {
    const { batch } = call;
    if (call === this.callAhead) this.callAhead = undefined;
    if (batch !== undefined) batch.left -= 1;
    if (batch === undefined || batch.left === 0) this.taken -= 1;
    if (call.stream !== undefined) this.streams -= 1;
    call.leaveBatch();
  }

  /** A call was answered: how long calls take says whether sending ahead is worth it. */
  measure(call: Call): void {
    this.answered += 1;
    this.meanRunMs += 0.1 * (performance.now() - call.startedAt - this.meanRunMs);
  }
}
