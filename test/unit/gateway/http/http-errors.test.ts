import assert from 'node:assert/strict';
import test from 'node:test';
import { DcfError, isErrorCode, notStarted, PayloadTooLarge, statusCodes } from '../../../../src/core/errors.js';
import { errorBody, errorHeaders, HttpError, httpStatusOf } from '../../../../src/gateway/http/http-errors.js';

test('every code has a status that says whose fault it is', () => {
  const expected = {
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
  const codes = Object.keys(statusCodes).filter(isErrorCode);
  assert.deepEqual(Object.fromEntries(codes.map((code) => [code, httpStatusOf(new DcfError(code, 'x'))])), expected);
});

test('what one code means twice has two statuses', () => {
  assert.equal(httpStatusOf(new DcfError('RESOURCE_EXHAUSTED', 'queue full', { retryAfterMs: 1 })), 429);
  assert.equal(httpStatusOf(new PayloadTooLarge('9 bytes', 'echo', 8)), 413);
  assert.equal(httpStatusOf(new DcfError('INTERNAL', 'no Reply')), 500);
  assert.equal(httpStatusOf(new DcfError('INTERNAL', 'died', { reason: 'exit:3' })), 502);
  assert.equal(httpStatusOf(new HttpError(415, 'INVALID_ARGUMENT', 'gzip')), 415);
});

test('it is said when to come back, in whole seconds, and whether the call was not started', () => {
  assert.deepEqual(errorHeaders(new DcfError('INTERNAL', 'x')), {});
  assert.deepEqual(errorHeaders(new DcfError('RESOURCE_EXHAUSTED', 'x', { retryAfterMs: 100 })), { 'retry-after': '1' });
  assert.deepEqual(errorHeaders(notStarted('x', { retryAfterMs: 1_001 })), { 'retry-after': '2', 'dcf-not-started': '1' });
  assert.deepEqual(errorHeaders(new DcfError('UNAVAILABLE', "a Handler's own")), {});
  assert.deepEqual(errorHeaders(new DcfError('UNAUTHENTICATED', 'x')), { 'www-authenticate': 'Bearer' });
});

test('an error is told without its stack and its cause, well-formed and cut', () => {
  const error = new DcfError('INTERNAL', `\ud800${'x'.repeat(10_000)}`, { reason: 'exit:3', cause: new Error('a secret') });
  const body = errorBody(error, 'id');
  assert.deepEqual(Object.keys(body), ['code', 'message', 'reason', 'requestId']);
  assert.match(body.message, /^\ufffdx+ … \(cut\)$/);
  assert.ok(JSON.stringify(body).length < 5_000);
  assert.ok(!('reason' in errorBody(new DcfError('NOT_FOUND', 'x'), 'id')));
});
