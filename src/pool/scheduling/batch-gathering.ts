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

/** With `auto` a batch waits at most for this part of its usual duration. */
const autoShare = 0.1;
/** With `auto` a batch waits at most this many milliseconds. */
const autoMostMs = 5;
/** A waiting batch begins at the latest when this many times its usual duration is left until the first deadline. */
const reservedRuns = 1.5;

/**
 * Decides how long a free worker waits for a fuller batch. The wait begins when a worker could have taken the batch. If it began
 * when a call arrives, it would be over before the previous batch ends, and callers that call again as soon as they are answered
 * would stay in two groups that never share a batch.
 *
 * With `auto` a worker waits only for callers that called lately and have just been answered. A single caller never waits, and
 * neither do calls when all recent callers are there.
 */
export class BatchGathering {
  private since: number | undefined;
  /** The most calls that were open together lately. */
  private expected = 0;

  constructor(private readonly maxDelayMs: BatchOptions['maxDelayMs']) {}

  /** Notes how many calls wait or run now. */
  note(open: number): void {
    if (open > this.expected) this.expected = open;
  }

  /** Milliseconds that the batch has to wait still; 0: it should begin now. */
  restMs(batch: PartialBatch): number {
    const { now, deadline, runMs } = batch;
    this.since ??= now;
    const latestForDeadline = runMs === undefined ? this.since + (deadline - this.since) / 2 : deadline - reservedRuns * runMs;
    const rest = Math.min(this.since + this.delayMs(batch), latestForDeadline) - now;
    if (rest > 0) return rest;
    // Callers that did not call in time are not expected again until that many calls are open together.
    this.expected = batch.open;
    return 0;
  }

  /** To be called when the batch has begun, or when no call waits any more. */
  reset(): void {
    this.since = undefined;
  }

  private delayMs({ open, runMs }: PartialBatch): number {
    if (this.maxDelayMs !== 'auto') return this.maxDelayMs;
    if (runMs === undefined || open >= this.expected) return 0;
    return Math.min(autoMostMs, autoShare * runMs);
  }
}
