import assert from 'node:assert/strict';
import test from 'node:test';
import { isErrorCode, statusCodes } from '../../../src/core/errors.js';
import { codeOfHttpStatus, errorOfHttpStatus, httpStatusOfCode } from '../../../src/core/http-status.js';

test('each status of an error has a code of its fault, also one that nobody defines', () => {
  const codes = {
    INVALID_ARGUMENT: [400, 411, 414, 415, 422, 431],
    UNAUTHENTICATED: [401],
    PERMISSION_DENIED: [403],
    NOT_FOUND: [404, 410],
    UNIMPLEMENTED: [405, 501],
    DEADLINE_EXCEEDED: [408, 504],
    ABORTED: [409],
    RESOURCE_EXHAUSTED: [413, 429],
    OUT_OF_RANGE: [416],
    CANCELLED: [499],
    UNAVAILABLE: [502, 503],
    FAILED_PRECONDITION: [402, 418, 498],
    INTERNAL: [500, 505, 507, 599],
  };
  for (const [code, statuses] of Object.entries(codes))
    for (const status of statuses) assert.equal(codeOfHttpStatus(status), code, String(status));
});

test('what a code is over HTTP is a code of the same class the other way', () => {
  for (const code of Object.keys(statusCodes).filter(isErrorCode)) {
    const status = httpStatusOfCode(code);
    assert.equal(httpStatusOfCode(codeOfHttpStatus(status)), status, code);
  }
  // Whoever tries again on a 503 should: neither code is the caller's fault.
  for (const code of ['FAILED_PRECONDITION', 'UNAVAILABLE'] as const) assert.equal(httpStatusOfCode(code), 503, code);
  for (const code of ['UNKNOWN', 'INTERNAL', 'DATA_LOSS'] as const) assert.equal(httpStatusOfCode(code), 500, code);
});

test('the error of a status has the body’s text, and says the status where there is none', () => {
  const error = (body: Uint8Array, headers: [string, string][] = []) => errorOfHttpStatus(429, headers, body);
  assert.equal(error(Buffer.from(' slow down\n')).message, 'slow down');
  for (const body of [Buffer.alloc(0), Buffer.from([0xff, 0xfe])])
    assert.equal(error(body).message, 'the function answered with status 429');
  assert.equal(error(Buffer.alloc(0), [['retry-after', '2']]).retryAfterMs, 2_000);
  assert.equal(error(Buffer.alloc(0), [['retry-after', '86400']]).retryAfterMs, 86_400_000, 'a day is the most');
  for (const odd of ['soon', '-1', '0', '86401', '1e99', ''])
    assert.equal(error(Buffer.alloc(0), [['retry-after', odd]]).retryAfterMs, undefined);
});
