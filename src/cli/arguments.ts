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

/** A count above 0. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('It must be a whole number above 0.');
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
