export { DcfError, type DcfErrorOptions, type ErrorCode, isErrorCode, messageOf, statusCodes } from '@dcf/sdk/errors';

/** The stack of anything that was thrown, its causes included; for logs and deploys, never for callers. */
export function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '';
  const own = typeof thrown.stack === 'string' ? thrown.stack : String(thrown);
  return thrown.cause instanceof Error ? `${own}\ncaused by: ${stackOf(thrown.cause)}` : own;
}

/** `text` in at most `limit` UTF-8 bytes, well-formed, with a mark where it was cut. */
export function cutText(text: string, limit: number): string {
  const wellFormed = text.toWellFormed();
  if (wellFormed.length * 3 <= limit || Buffer.byteLength(wellFormed) <= limit) return wellFormed;
  const mark = ' … (cut)';
  // The cut may fall inside a character, which then decodes as U+FFFD.
  const head = Buffer.from(wellFormed.slice(0, limit)).subarray(0, limit - Buffer.byteLength(mark));
  return `${head.toString('utf8').replace(/\uFFFD$/, '')}${mark}`;
}
