import { DcfError } from './errors.js';
import { parseDuration } from './units.js';

/** A longer timeout does not fit the 32-bit timers of either side, where it would be read as the past. */
export const maximumTimeoutMs = 24 * 86_400_000;

/**
 * A timeout in milliseconds.
 *
 * @throws DcfError INVALID_ARGUMENT when `given` is none
 */
export function readTimeout(given: string | number | undefined, fallback: number): number {
  if (given === undefined) return fallback;
  const milliseconds = typeof given === 'string' ? parseDuration(given) : given;
  if (typeof milliseconds === 'number' && milliseconds > 0) return Math.min(milliseconds, maximumTimeoutMs);
  throw new DcfError('INVALID_ARGUMENT', `the timeout is ${JSON.stringify(given)}: give milliseconds above 0, or a text such as '5s'`);
}
