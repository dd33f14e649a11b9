import { DcfError, type DcfErrorOptions } from '@dcf/sdk/errors';

export { DcfError, type DcfErrorOptions, type ErrorCode, errorCode, isErrorCode, messageOf, reasonOf, statusCodes } from '@dcf/sdk/errors';

/** The errors for calls that were not started. A Handler may choose UNAVAILABLE too, but its call did run. */
const refusals = new WeakSet<DcfError>();

/** Makes an UNAVAILABLE for a call that certainly was not started, so that its caller may try again. */
export function notStarted(message: string, options: DcfErrorOptions = {}): DcfError {
  const error = new DcfError('UNAVAILABLE', message, options);
  refusals.add(error);
  return error;
}

/** Whether a call that failed with this error was certainly not started. */
export function isNotStarted(error: DcfError): boolean {
  return refusals.has(error);
}

/** RESOURCE_EXHAUSTED for an input over its function's limit. It has no `retryAfterMs`, as another try would fail, too. */
export class PayloadTooLarge extends DcfError {
  /** @param size - the size of the input for the message, such as `12 bytes` */
  constructor(size: string, name: string, limit: number, what: 'input' | 'chunk' = 'input') {
    super('RESOURCE_EXHAUSTED', `the ${what} has ${size}; limits.payload of ${name} is ${limit}`);
  }
}

/** The stack of anything that was thrown, its causes included; for logs and deploys, never for callers. */
export function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '';
  const own = typeof thrown.stack === 'string' ? thrown.stack : String(thrown);
  return thrown.cause instanceof Error ? `${own}\ncaused by: ${stackOf(thrown.cause)}` : own;
}

/** `text` in at most `limit` bytes of UTF-8, well-formed, with a mark at the end if it was cut. */
export function cutText(text: string, limit: number): string {
  const wellFormed = text.toWellFormed();
  if (wellFormed.length * 3 <= limit || Buffer.byteLength(wellFormed) <= limit) return wellFormed;
  const mark = ' … (cut)';
  // The cut may fall inside a character, which then decodes as U+FFFD.
  const head = Buffer.from(wellFormed.slice(0, limit)).subarray(0, limit - Buffer.byteLength(mark));
  return `${head.toString('utf8').replace(/\uFFFD$/, '')}${mark}`;
}
