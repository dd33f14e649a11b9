import { functionNameProblem, isFunctionName } from '@dcf/sdk/names';
import { parseDuration } from '@dcf/sdk/units';
import { InvalidArgumentError } from 'commander';

/** Reads a function's name, so that a wrong one is refused before the daemon is asked. */
export function parseName(text: string): string {
  if (isFunctionName(text)) return text;
  throw new InvalidArgumentError(functionNameProblem(text));
}

/** Reads a duration above 0, such as 5s. Returns milliseconds. */
export function parseMilliseconds(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
  throw new InvalidArgumentError('It must be a duration above 0 with its unit, such as 500ms, 30s or 5m.');
}

/** The largest count that a request to the daemon can hold: a `uint32`. */
const largestCount = 2 ** 32 - 1;

/** Reads a count above 0. */
export function parseCount(text: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return checkedCount(text);
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

/** Reads a count from 0. */
export function parseCountOrNone(text: string): number {
  if (/^\d+$/.test(text)) return checkedCount(text);
  throw new InvalidArgumentError('It must be a whole number, 0 or more.');
}

function checkedCount(text: string): number {
  if (Number(text) <= largestCount) return Number(text);
  throw new InvalidArgumentError(`It is too large: it may be ${largestCount} at most.`);
}

/** Reads a percentage below 100. */
export function parsePercent(text: string): number {
  if (/^\d{1,2}(\.\d+)?%?$/.test(text)) return Number.parseFloat(text);
  throw new InvalidArgumentError('It must be a percentage from 0 to below 100, such as 5.');
}

/** Reads a share of the calls in whole percent. */
export function parseSharePercent(text: string): number {
  if (/^\d{1,3}%?$/.test(text) && Number.parseInt(text, 10) <= 100) return Number.parseInt(text, 10);
  throw new InvalidArgumentError('It must be a whole percentage from 0 to 100, such as 10.');
}
