import { functionNameProblem, isFunctionName } from '@dcf/sdk/names';
import { parseDuration } from '@dcf/sdk/units';
import { InvalidArgumentError } from 'commander';

/** A function's name, checked before anything is asked of the daemon. */
export function parseName(text: string): string {
  if (isFunctionName(text)) return text;
  throw new InvalidArgumentError(functionNameProblem(text));
}

/** A duration such as 5s, in milliseconds above 0. */
export function parseMilliseconds(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
  throw new InvalidArgumentError('It must be a duration with its unit, such as 500ms, 30s or 5m.');
}

/** The most that a count can be on its way to the daemon: a `uint32`. */
const largestCount = 2 ** 32 - 1;

/** A count above 0. */
export function parseCount(text: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return checkedCount(text);
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

/** A count, which may be 0. */
export function parseCountOrNone(text: string): number {
  if (/^\d+$/.test(text)) return checkedCount(text);
  throw new InvalidArgumentError('It must be a whole number, 0 or more.');
}

function checkedCount(text: string): number {
  if (Number(text) <= largestCount) return Number(text);
  throw new InvalidArgumentError(`It is too large: ${largestCount} is the most.`);
}

/** A percentage below 100. */
export function parsePercent(text: string): number {
  if (/^\d{1,2}(\.\d+)?%?$/.test(text)) return Number.parseFloat(text);
  throw new InvalidArgumentError('It must be a percentage from 0 to below 100, such as 5.');
}

/** A share of the calls in whole percent. */
export function parseSharePercent(text: string): number {
  if (/^\d{1,3}%?$/.test(text) && Number.parseInt(text, 10) <= 100) return Number.parseInt(text, 10);
  throw new InvalidArgumentError('It must be a whole percentage from 0 to 100, such as 10.');
}
