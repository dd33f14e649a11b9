import type { Call } from '../calls/call.js';
import type { CallQueue } from '../calls/call-queue.js';

export interface BatchOptions {
  /** The most calls of one batch. */
  maxSize: number;
  /** How long a free worker waits for a fuller batch, in milliseconds; 0: never; `auto`: see `BatchGathering`. */
  maxDelayMs: number | 'auto';
  /** The most bytes of all inputs of one batch; an input above it is a batch of its own. */
  maxBytes: number;
}

/** The calls at the front of the queue that make up the next batch. A streamed call is a batch of its own. */
export interface FrontBatch {
  count: number;
  /** Whether no later call could join it. */
  full: boolean;
}

/** The batch that is next; `undefined` when no call waits. */
export function frontBatch(queue: CallQueue, options: BatchOptions): FrontBatch | undefined {
  const { first } = queue;
  if (first === undefined) return undefined;
  const count = batchLength(queue, options);
  return { count, full: count === options.maxSize || count < queue.size || first.stream !== undefined };
}

/** The earliest deadline among the calls that wait, on the clock of `performance.now()`; `Infinity` where none has one. */
export function earliestDeadline(queue: CallQueue): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (let call = queue.first; call !== undefined; call = queue.after(call)) {
    earliest = Math.min(earliest, call.acceptedAt + call.timeoutMs);
  }
  return earliest;
}

/** Takes `count` calls off the queue, in order, as one batch. */
export function takeBatch(queue: CallQueue, count: number): Call[] {
  const calls: Call[] = [];
  while (calls.length < count) {
    const call = queue.shift();
    if (call === undefined) break;
    calls.push(call);
  }
  return calls;
}

function batchLength(queue: CallQueue, { maxSize, maxBytes }: BatchOptions): number {
  let count = 0;
  let bytes = 0;
  for (let call = queue.first; call !== undefined && count < maxSize; call = queue.after(call)) {
    bytes += call.invocation.input.length;
    if (count > 0 && (bytes > maxBytes || call.stream !== undefined)) break;
    count += 1;
    if (call.stream !== undefined) break;
  }
  return count;
}
