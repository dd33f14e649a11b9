import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { DcfError, isNotStarted, notStarted } from '../../../../src/core/errors.js';
import type { LogLine } from '../../../../src/pool/output/log-line.js';
import { type Redactor, redactError, redactLine } from '../../../../src/pool/output/redaction.js';
import type { PoolSecrets } from '../../../../src/pool/pool-options.js';
import { createPool, failureOf } from '../../../support/pool.js';

const secret = 'hunter2-hunter2';
const redactor: Redactor = {
  hide: (text) => text.replaceAll(secret, '***'),
  hidePart: (text, { continued, open }) => `${continued ? '…' : ''}${text.replaceAll(secret, '***')}${open ? '…' : ''}`,
};

function assertHidden(error: unknown): void {
  assert.equal(inspect(error, { depth: 9 }).includes(secret), false, 'the secret is in the error');
}

test('an error keeps its code, its reason and whether its call was started, and loses the secret, as do its causes', () => {
  const innermost = new Error(`read ${secret}`);
  const cause = new Error('the weights', { cause: innermost });
  const error = new DcfError('INTERNAL', `it said ${secret}`, { cause, reason: 'exit 1', retryAfterMs: 5 });
  const hidden = redactError(error, redactor);
  assertHidden(hidden);
  assert.deepEqual([hidden.code, hidden.message, hidden.reason, hidden.retryAfterMs], ['INTERNAL', 'it said ***', 'exit 1', 5]);
  assert.ok(hidden.cause instanceof Error && hidden.cause.cause instanceof Error);
  assert.deepEqual([hidden.cause.message, hidden.cause.cause.message], ['the weights', 'read ***']);
  assert.match(hidden.cause.stack ?? '', /^Error: the weights\n +at /);
  assert.equal(error.message, `it said ${secret}`, 'the error itself is another one');
  assert.equal(isNotStarted(redactError(notStarted(secret), redactor)), true);
});

test('an error without a secret is passed on as it is, as is what is no error of the platform', () => {
  const error = new DcfError('INTERNAL', 'no weights', { cause: new Error('ENOENT') });
  assert.equal(redactError(error, redactor), error);
  const other = new TypeError('of another kind');
  assert.equal(redactError(other, redactor), other);
  assert.equal(redactError(undefined, redactor), undefined);
});

test('a part of a line is redacted as a part', () => {
  const line: LogLine = { time: 1, level: 'info', text: `a ${secret}`, callId: 'c', worker: 0 };
  assert.deepEqual(redactLine(line, redactor), { ...line, text: 'a ***' });
  const part = { continued: true, open: true };
  assert.deepEqual(redactLine({ ...line, part }, redactor), { ...line, part, text: '…a ***…' });
});

test('a pool whose replicas cannot start tells the secret nobody: neither who starts it, nor callers, nor who looks at it', async (t) => {
  let closed = 0;
  const secrets: PoolSecrets = {
    ...redactor,
    outdated: true,
    close: async () => {
      closed += 1;
    },
  };
  const listen = () => Promise.reject(new Error(`cannot pass ${secret}`));
  const { pool, call } = await createPool(t, '', { starter: () => ({ endsWithIt: false, listen }), secrets });
  await assert.rejects(pool.start(), (error) => {
    assertHidden(error);
    assert.ok(error instanceof DcfError && error.cause instanceof Error);
    assert.equal(error.message, 'no process could be started: cannot pass ***');
    return true;
  });
  const { initError, lastFailure } = pool.snapshot();
  assertHidden(initError);
  assert.equal(initError?.message, 'no process could be started: cannot pass ***');
  assert.equal(lastFailure?.text, 'no process could be started: cannot pass ***');
  const failure = failureOf(await call().outcome);
  assertHidden(failure);
  assert.equal(failure.message, 'tested is not ready: no process could be started: cannot pass ***');
  assert.equal(pool.outdated, true);
  assert.equal(closed, 0);
  await pool.stop(0);
  assert.equal(closed, 1, 'what was laid out of the secrets is removed with the pool');
});
