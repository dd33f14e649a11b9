import { hasFailed, type Outcome, type Reported } from '../../pool/calls/invocation.js';

/** A number of calls, and how many of them failed. */
export interface ErrorCount {
  readonly calls: number;
  readonly errors: number;
}

/** The least number of calls to judge a revision by. */
const leastCalls = 20;
/** The number of latest calls that count. */
const windowLength = 100;

/**
 * Whether too many calls failed.
 *
 * @param maxErrorRate - the limit in percent
 */
export function isOverLimit({ calls, errors }: ErrorCount, maxErrorRate: number): boolean {
  return calls >= leastCalls && errors * 100 > maxErrorRate * calls;
}

/**
 * Whether a call failed by the fault of its function. `undefined` for a call that does not count, because its caller gave up, or it was
 * refused or never began.
 */
export function isFault(outcome: Outcome, reported: Reported): boolean | undefined {
  // A Handler that chose a status of 500 or above says itself that it failed.
  if (outcome.ok) return hasFailed(outcome);
  const { code } = outcome.error;
  if (code === 'CANCELLED' || code === 'RESOURCE_EXHAUSTED' || code === 'UNAVAILABLE') return undefined;
  // A deadline that passes in the queue is not the Handler's fault.
  if (code === 'DEADLINE_EXCEEDED') return reported.report().runMs > 0 ? true : undefined;
  return code === 'UNKNOWN' || code === 'INTERNAL';
}

/** The latest calls, 100 at most, and how many of them failed. */
export class ErrorWindow implements ErrorCount {
  calls = 0;
  errors = 0;
  private readonly failed = new Uint8Array(windowLength);
  private next = 0;

  add(failed: boolean): void {
    if (this.calls === windowLength) this.errors -= this.failed[this.next] ?? 0;
    else this.calls += 1;
    this.failed[this.next] = failed ? 1 : 0;
    this.errors += failed ? 1 : 0;
    this.next = (this.next + 1) % windowLength;
  }
}

/** Watches a revision that gets a part of the calls, and reports once when too many of them have failed. */
export class Canary {
  /** Whether too many calls have failed: the revision then gets no more calls that name no revision. */
  isOver = false;
  private readonly window = new ErrorWindow();

  /**
   * @param maxErrorRate - the limit in percent
   * @param onOver - called once when it is exceeded
   */
  constructor(
    private readonly maxErrorRate: number,
    private readonly onOver: (count: ErrorCount) => void,
  ) {}

  /** Counts the end of a call. */
  record(outcome: Outcome, reported: Reported): void {
    const failed = isFault(outcome, reported);
    if (this.isOver || failed === undefined) return;
    this.window.add(failed);
    if (!isOverLimit(this.window, this.maxErrorRate)) return;
    this.isOver = true;
    const { calls, errors } = this.window;
    this.onOver({ calls, errors });
  }
}
