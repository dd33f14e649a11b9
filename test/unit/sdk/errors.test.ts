import assert from 'node:assert/strict';
import test from 'node:test';
import { DcfError, errorCodeOf, isErrorCode, messageOf, statusCodes } from '@dcf/sdk/errors';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';

test("the codes are gRPC's own, and each number has its name", () => {
  for (const [name, number] of Object.entries(statusCodes)) {
    assert.equal(status[number], name);
    if (name !== 'OK') assert.equal(errorCodeOf(number), name);
  }
  assert.equal(Object.keys(statusCodes).length, 17);
  for (const number of [0, 17, -1, 99, Number.NaN]) assert.equal(errorCodeOf(number), 'UNKNOWN');
});

test('an error code is the name of a status other than OK', () => {
  assert.ok(isErrorCode('NOT_FOUND'));
  for (const value of ['OK', 'toString', '__proto__', 'not_found', '', 5, null, undefined]) assert.equal(isErrorCode(value), false);
});

test('an error has its code, its message and what was given along', () => {
  const cause = new Error('why');
  const error = new DcfError('INTERNAL', 'the worker died', { cause, reason: 'exit:1', retryAfterMs: 20 });
  assert.ok(error instanceof Error);
  const { name, code, message, reason, retryAfterMs } = error;
  assert.deepEqual(
    { name, code, message, reason, retryAfterMs },
    { name: 'DcfError', code: 'INTERNAL', message: 'the worker died', reason: 'exit:1', retryAfterMs: 20 },
  );
  assert.equal(error.cause, cause);
  assert.equal('cause' in new DcfError('UNKNOWN', 'x'), false);
});

test('an error of another copy of this package is one, too; others are not', () => {
  const foreign = Object.assign(new Error('x'), { name: 'DcfError', code: 'NOT_FOUND' });
  assert.ok(DcfError.is(foreign));
  assert.equal(DcfError.from(foreign), foreign);
  for (const other of [
    new Error('x'),
    { name: 'DcfError', code: 'NOT_FOUND' },
    Object.assign(new Error('x'), { name: 'DcfError', code: 'OK' }),
    'DcfError',
    null,
  ]) {
    assert.equal(DcfError.is(other), false);
  }
});

test('anything that was thrown becomes a DcfError with words, and is its cause', () => {
  const thrown = new TypeError('no such thing');
  const wrapped = DcfError.from(thrown);
  assert.deepEqual([wrapped.code, wrapped.message, wrapped.cause], ['UNKNOWN', 'no such thing', thrown]);
  assert.equal(DcfError.from('x', 'INTERNAL').code, 'INTERNAL');
});

test('every thrown value has a message, and describing it never throws', () => {
  const hostile = {
    toString(): string {
      throw new Error('no');
    },
  };
  for (const [value, message] of [
    [new Error('x'), 'x'],
    [new RangeError(''), 'RangeError'],
    ['text', 'text'],
    ['', 'an empty string was thrown'],
    [undefined, 'undefined was thrown'],
    [Symbol('s'), 'Symbol(s) was thrown'],
    [hostile, 'an object that cannot be described was thrown'],
    [Object.create(null), 'an object that cannot be described was thrown'],
  ] as const) {
    assert.equal(messageOf(value), message);
  }
  fc.assert(fc.property(fc.anything(), (value) => messageOf(value) !== ''));
});
