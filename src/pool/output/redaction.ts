import { DcfError, isNotStarted, notStarted } from '../../core/errors.js';
import type { LogLine } from './log-line.js';
import type { LinePart } from './open-line.js';

/** Knows what the replicas of a pool are given that nobody may read in what they say, such as the values of secrets. */
export interface Redactor {
  /** A text with a mark in place of each of these values. */
  hide(text: string): string;
  /** Hides them in a part of a line: one value may be in two parts. */
  hidePart(text: string, part: LinePart): string;
}

/** For replicas that are given nothing of that kind. */
export const noRedaction: Redactor = { hide: (text) => text, hidePart: (text) => text };

/** A line of a replica, redacted. */
export function redactLine(line: LogLine, redactor: Redactor): LogLine {
  const { text, part } = line;
  return { ...line, text: part === undefined ? redactor.hide(text) : redactor.hidePart(text, part) };
}

/** What a replica made fail, redacted with its cause; the very error where there is nothing to hide in it. */
export function redactError<Thrown>(error: Thrown, redactor: Redactor): Thrown | DcfError {
  if (!DcfError.is(error)) return error;
  const message = redactor.hide(error.message);
  const cause = error.cause instanceof Error ? redactCause(error.cause, redactor) : error.cause;
  if (message === error.message && cause === error.cause) return error;
  const { code, reason, retryAfterMs } = error;
  const options = { cause, reason, retryAfterMs };
  return isNotStarted(error) ? notStarted(message, options) : new DcfError(code, message, options);
}

/** The Handler's own error, with its stack. */
function redactCause(cause: Error, redactor: Redactor): Error {
  const stack = redactor.hide(cause.stack ?? '');
  const message = redactor.hide(cause.message);
  const inner = cause.cause instanceof Error ? redactCause(cause.cause, redactor) : cause.cause;
  if (stack === cause.stack && message === cause.message && inner === cause.cause) return cause;
  const hidden = new Error(message, { cause: inner });
  hidden.stack = stack;
  return hidden;
}
