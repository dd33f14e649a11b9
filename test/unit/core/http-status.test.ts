import assert from 'node:assert/strict';
import test from 'node:test';
import { isErrorCode, statusCodes } from '../../../src/core/errors.js';
import { codeOfHttpStatus, errorOfHttpStatus, httpStatusOfCode } from '../../../src/core/http-status.js';

test('each status of an error has a code of its fault, also one that nobody defines', () => {
  const codes = {
    400: 'INVALID_ARGUMENT',
    401: 'UNAUTHENTICATED',
    404: 'NOT_FOUND',
    409: 'ABORTED',
    413: 'RESOURCE_EXHAUSTED',
    418: 'FAILED_PRECONDITION',
  };
  for (const [status, code] of Object.entries(codes)) assert.equal(codeOfHttpStatus(Number(status)), code, status);
  for (const [status, code] of Object.entries({ 500: 'INTERNAL', 503: 'UNAVAILABLE', 507: 'INTERNAL', 599: 'INTERNAL' }))
    assert.equal(codeOfHttpStatus(Number(status)), code, status);
});

test('what a code is over HTTP is a code of the same class the other way', () => {
  for (const code of Object.keys(statusCodes).filter(isErrorCode)) {
    const status = httpStatusOfCode(code);
    assert.equal(httpStatusOfCode(codeOfHttpStatus(status)) === status || status === 503, true, code);
  }
});

test('the error of a status has the body’s text, and says the status where there is none', () => {
  const error = (body: Uint8Array, headers: [string, string][] = []) => errorOfHttpStatus(429, headers, body);
  assert.equal(error(Buffer.from(' slow down\n')).message, 'slow down');
  for (const body of [Buffer.alloc(0), Buffer.from([0xff, 0xfe])])
    assert.equal(error(body).message, 'the function answered with status 429');
  assert.equal(error(Buffer.alloc(0), [['retry-after', '2']]).retryAfterMs, 2_000);
  for (const odd of ['soon', '-1', '1e99', '']) assert.equal(error(Buffer.alloc(0), [['retry-after', odd]]).retryAfterMs, undefined);
});
