import { cutText, DcfError, type ErrorCode, isNotStarted, PayloadTooLarge } from '../../core/errors.js';
import { httpStatusOfCode } from '../../core/http-status.js';

/** A refusal for which HTTP has a status of its own. */
export class HttpError extends DcfError {
  constructor(
    readonly status: number,
    code: ErrorCode,
    message: string,
    /** Headers of the answer, such as what is allowed instead. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
  }
}

/** The HTTP status of an error. */
export function httpStatusOf(error: DcfError): number {
  if (error instanceof HttpError) return error.status;
  if (error instanceof PayloadTooLarge) return 413;
  // The worker died under the call: what is behind this gateway failed, and not what it answered.
  if (error.code === 'INTERNAL' && error.reason !== undefined) return 502;
  return httpStatusOfCode(error.code);
}

/** What is told beside the body: when to come back, and whether the call certainly was not started. */
export function errorHeaders(error: DcfError): Record<string, string> {
  const headers: Record<string, string> = {};
  // Whole seconds are all that the header can say.
  if (error.retryAfterMs !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  if (isNotStarted(error)) headers['dcf-not-started'] = '1';
  if (error.code === 'UNAUTHENTICATED') headers['www-authenticate'] = 'Bearer';
  return error instanceof HttpError ? { ...headers, ...error.headers } : headers;
}

/** An error as callers read it; as long as a gRPC status may be. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  reason?: string;
  requestId: string;
}

const maxMessageLength = 4 * 1024;

export function errorBody(error: DcfError, requestId: string): ErrorBody {
  const { code, reason } = error;
  const message = cutText(error.message, maxMessageLength);
  return { code, message, ...(reason === undefined ? {} : { reason: reason.toWellFormed() }), requestId };
}
