import type { DcfError } from '../../core/errors.js';
import type { Call } from '../calls/call.js';
import type { Invocation } from '../calls/invocation.js';

/** Where a queued call goes when the release has changed. */
export type NextPlace<Pool> = { kind: 'stay' } | { kind: 'pool'; pool: Pool } | { kind: 'refused'; error: DcfError };

/** Asks `next` for every queued call where it goes now, and fails those that are refused. */
export function sortWaiting<Pool>(
  calls: Iterable<Call>,
  next: (invocation: Invocation) => NextPlace<Pool>,
): { staying: Call[]; leaving: Map<Pool, Call[]> } {
  const staying: Call[] = [];
  const leaving = new Map<Pool, Call[]>();
  for (const call of calls) {
    const place = next(call.invocation);
    if (place.kind === 'refused') call.fail(place.error);
    else if (place.kind === 'stay') staying.push(call);
    else {
      const calls = leaving.get(place.pool);
      if (calls === undefined) leaving.set(place.pool, [call]);
      else calls.push(call);
    }
  }
  return { staying, leaving };
}
