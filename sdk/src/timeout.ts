import { DcfError } from './errors.js';
import { parseDuration } from './units.js';

/** The longest timeout, in milliseconds. A longer one would overflow the 32-bit timers of client and daemon, and end at once. */
const maximumTimeoutMs = 24 * 86_400_000;

/**
 * Reads a timeout. Returns milliseconds, `maximumTimeoutMs` at most.
 *
 * @param given - milliseconds above 0, or a text such as `'5s'`
 * @param fallback - milliseconds, for `undefined`
 * @throws DcfError INVALID_ARGUMENT when `given` is not a timeout
 */
export function readTimeout(given: string | number | undefined, fallback: number): number {
  if (given === undefined) return fallback;
  const milliseconds = typeof given === 'string' ? parseDuration(given) : given;
  if (typeof milliseconds === 'number' && milliseconds > 0) return Math.min(milliseconds, maximumTimeoutMs);
  const shown = typeof given === 'string' ? JSON.stringify(given) : String(given);
  throw new DcfError('INVALID_ARGUMENT', `the timeout is ${shown}: give milliseconds above 0, or a text such as '5s'`);
}
