import { isUtf8 } from 'node:buffer';
import { DcfError, type ErrorCode } from './errors.js';

const statuses: Readonly<Record<ErrorCode, number>> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 503,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** The gRPC codes of HTTP statuses that a Handler may choose. Other statuses get the code of their class (4xx or 5xx). */
const codes = new Map<number, ErrorCode>([
  [400, 'INVALID_ARGUMENT'],
  [401, 'UNAUTHENTICATED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [405, 'UNIMPLEMENTED'],
  [408, 'DEADLINE_EXCEEDED'],
  [409, 'ABORTED'],
  [410, 'NOT_FOUND'],
  [411, 'INVALID_ARGUMENT'],
  [413, 'RESOURCE_EXHAUSTED'],
  [414, 'INVALID_ARGUMENT'],
  [415, 'INVALID_ARGUMENT'],
  [416, 'OUT_OF_RANGE'],
  [422, 'INVALID_ARGUMENT'],
  [429, 'RESOURCE_EXHAUSTED'],
  [431, 'INVALID_ARGUMENT'],
  [499, 'CANCELLED'],
  [501, 'UNIMPLEMENTED'],
  [502, 'UNAVAILABLE'],
  [503, 'UNAVAILABLE'],
  [504, 'DEADLINE_EXCEEDED'],
]);

/** The HTTP status of a gRPC code. */
export function httpStatusOfCode(code: ErrorCode): number {
  return statuses[code];
}

/** The gRPC code of an HTTP status of 400 and above. */
export function codeOfHttpStatus(status: number): ErrorCode {
  return codes.get(status) ?? (status >= 500 ? 'INTERNAL' : 'FAILED_PRECONDITION');
}

/** Bytes of a body that are read for an error's message. */
export const maxStatusMessage = 4 * 1024;

/**
 * The error of an answer with a status of 400 or above, for callers that do not use HTTP. Its message is the text of the body.
 *
 * @param body - the body, at least its first `maxStatusMessage` bytes
 */
export function errorOfHttpStatus(status: number, headers: readonly (readonly [string, string])[], body: Uint8Array): DcfError {
  const text = isUtf8(body) ? Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8').trim() : '';
  const retryAfter = Number(headers.find(([name]) => name === 'retry-after')?.[1]);
  const retryAfterMs = retryAfter > 0 && retryAfter <= maxRetryAfterSeconds ? retryAfter * 1000 : undefined;
  return new DcfError(codeOfHttpStatus(status), text === '' ? `the function answered with status ${status}` : text, { retryAfterMs });
}

const maxRetryAfterSeconds = 24 * 3600;
