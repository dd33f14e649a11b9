import type { Call } from './call.js';
import type { CallQueue } from './call-queue.js';

export interface BatchOptions {
  /** Calls of one batch. */
  maxSize: number;
  /** How long a call waits for others to come; 0: it takes what is queued and never waits. */
  maxDelayMs: number;
  /** Bytes of all inputs of one batch; an input above it goes alone. */
  maxBytes: number;
}

/** What the queue's front holds for a worker: a batch (a stream is alone in one), or how many milliseconds to wait for a fuller one. */
export type NextBatch = { kind: 'batch'; calls: Call[] } | { kind: 'wait'; ms: number } | { kind: 'empty' };

/** Takes the next batch off the queue, in order, unless it pays to wait. */
export function nextBatch(queue: CallQueue, options: BatchOptions): NextBatch {
  const { first } = queue;
  if (first === undefined) return { kind: 'empty' };
  const count = batchLength(queue, options);
  const full = count === options.maxSize || count < queue.size || first.stream !== undefined;
  const ms = options.maxDelayMs - first.age;
  if (!full && ms > 0) return { kind: 'wait', ms };
  const calls: Call[] = [];
  while (calls.length < count) {
    const call = queue.shift();
    if (call === undefined) break;
    call.batchSize = count;
    calls.push(call);
  }
  return { kind: 'batch', calls };
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
