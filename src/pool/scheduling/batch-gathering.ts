import type { BatchOptions } from './batcher.js';

/** A batch that could begin now but is not full. Points in time are those of `performance.now()`. */
export interface PartialBatch {
  now: number;
  /** Calls of the pool that wait or run, those of the batch included. */
  open: number;
  /** The earliest deadline among the calls of the batch; `Infinity` where none has one. */
  deadline: number;
  /** How long the worker usually takes for a batch, in milliseconds; `undefined` while that is not known. */
  runMs: number | undefined;
}

/** `auto` costs at most this part of the time that a batch takes … */
const autoShare = 0.1;
/** … and at most this many milliseconds. */
const autoMostMs = 5;
/** A batch that waits begins while this many times its usual duration is left until the first deadline. */
const reservedRuns = 1.5;

/**
 * Decides how long a free worker waits for a fuller batch. The wait is counted from when a worker could have taken the batch:
 * counted from a call's arrival it would be over before the previous batch ends, and callers who ask again as soon as they
 * are answered would stay in two groups that never meet.
 *
 * With `auto` a worker waits only for callers who were there lately and have just been answered: whoever calls alone, or all
 * who ever called together, never wait.
 */
export class BatchGathering {
  private since: number | undefined;
  /** The most calls that were open together, as far as they still come. */
  private expected = 0;

  constructor(private readonly maxDelayMs: BatchOptions['maxDelayMs']) {}

  /** Takes note of how many calls wait or run now. */
  note(open: number): void {
    if (open > this.expected) this.expected = open;
  }

  /** Milliseconds that the batch still waits; 0: it begins now. */
  restMs(batch: PartialBatch): number {
    const { now, deadline, runMs } = batch;
    this.since ??= now;
    const latestForDeadline = runMs === undefined ? this.since + (deadline - this.since) / 2 : deadline - reservedRuns * runMs;
    const rest = Math.min(this.since + this.delayMs(batch), latestForDeadline) - now;
    if (rest > 0) return rest;
    // Callers who did not come in time are not expected again until as many calls are open at once.
    this.expected = batch.open;
    return 0;
  }

  /** The batch has begun, or none waits any more. */
  reset(): void {
    this.since = undefined;
  }

  private delayMs({ open, runMs }: PartialBatch): number {
    if (this.maxDelayMs !== 'auto') return this.maxDelayMs;
    if (runMs === undefined || open >= this.expected) return 0;
    return Math.min(autoMostMs, autoShare * runMs);
  }
}
