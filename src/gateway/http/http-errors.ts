import { cutText, DcfError, type ErrorCode, isNotStarted, PayloadTooLarge } from '../../core/errors.js';
import { httpStatusOfCode } from '../../core/http-status.js';

/** A refusal with an HTTP status of its own, other than the one of its gRPC code. */
export class HttpError extends DcfError {
  constructor(
    readonly status: number,
    code: ErrorCode,
    message: string,
    /** Further headers of the answer, such as `allow`. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
  }
}

/** The HTTP status of an error. */
export function httpStatusOf(error: DcfError): number {
  if (error instanceof HttpError) return error.status;
  if (error instanceof PayloadTooLarge) return 413;
  // The worker died during the call: for HTTP, the server behind this gateway failed.
  if (error.code === 'INTERNAL' && error.reason !== undefined) return 502;
  return httpStatusOfCode(error.code);
}

/** The headers of an error's answer: when to try again, and whether the call certainly was not started. */
export function errorHeaders(error: DcfError): Record<string, string> {
  const headers: Record<string, string> = {};
  // The header `retry-after` has whole seconds only.
  if (error.retryAfterMs !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  if (isNotStarted(error)) headers['dcf-not-started'] = '1';
  if (error.code === 'UNAUTHENTICATED') headers['www-authenticate'] = 'Bearer';
  return error instanceof HttpError ? { ...headers, ...error.headers } : headers;
}

/** An error as the JSON body of an answer. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  reason?: string;
  requestId: string;
}

/** Bytes of a message; the limit of a gRPC status. */
const maxMessageLength = 4 * 1024;

/** The body of the answer for an error. */
export function errorBody(error: DcfError, requestId: string): ErrorBody {
  const { code, reason } = error;
  const message = cutText(error.message, maxMessageLength);
  return { code, message, ...(reason === undefined ? {} : { reason: reason.toWellFormed() }), requestId };
}
