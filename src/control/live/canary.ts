import { hasFailed, type Outcome, type Reported } from '../../pool/calls/invocation.js';

/** How many calls there were among those that are looked at, and how many of them failed. */
export interface ErrorCount {
  readonly calls: number;
  readonly errors: number;
}

/** Fewer calls say too little. */
export const leastCalls = 20;
/** Older calls do not count any more. */
const windowLength = 100;

/**
 * Whether too many calls failed.
 *
 * @param maxErrorRate - percent
 */
export function isOverLimit({ calls, errors }: ErrorCount, maxErrorRate: number): boolean {
  return calls >= leastCalls && errors * 100 > maxErrorRate * calls;
}

/**
 * What a call's end says of the revision that ran it: whether it failed through the function's fault; `undefined` when the
 * function has no part in it, because the caller gave up or the call was refused or never begun.
 */
export function isFault(outcome: Outcome, reported: Reported): boolean | undefined {
  // A Handler that chose a status of 500 or above says itself that it failed.
  if (outcome.ok) return hasFailed(outcome);
  const { code } = outcome.error;
  if (code === 'CANCELLED' || code === 'RESOURCE_EXHAUSTED' || code === 'UNAVAILABLE') return undefined;
  // In the queue it passes without the Handler's doing.
  if (code === 'DEADLINE_EXCEEDED') return reported.report().runMs > 0 ? true : undefined;
  return code === 'UNKNOWN' || code === 'INTERNAL';
}

/** The last calls, at most 100 of them, and how many of those failed. */
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

/** Watches a revision that gets a part of the calls, and tells once when too many of them failed. */
export class Canary {
  /** It gets no more calls that name no revision. */
  isOver = false;
  private readonly window = new ErrorWindow();

  /** @param maxErrorRate - percent */
  constructor(
    private readonly maxErrorRate: number,
    private readonly onOver: (count: ErrorCount) => void,
  ) {}

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
