import assert from 'node:assert/strict';
import test from 'node:test';
import { goodput, parseSamples, requireCodes, type Sample } from '../../../bench/harness/generated-load.js';

const sample: Sample = { dueMs: 10, lateMs: 0, latencyMs: 5, code: 'OK' };

test('what the load generator writes is read call by call', () => {
  assert.deepEqual(parseSamples('0.000\t0.125\t2.500\tOK\n10.000\t-0.001\t12.000\tRESOURCE_EXHAUSTED\n'), [
    { dueMs: 0, lateMs: 0.125, latencyMs: 2.5, code: 'OK' },
    { dueMs: 10, lateMs: -0.001, latencyMs: 12, code: 'RESOURCE_EXHAUSTED' },
  ]);
  assert.deepEqual(parseSamples(''), []);
});

test('anything else that it writes is an error', () => {
  for (const line of ['0.0\t1.0\tOK', '0.0\t1.0\t2.0\tundefined', 'x\t1.0\t2.0\tOK', '0.0\t1.0\t2.0\tOK\t']) {
    assert.throws(() => parseSamples(`${line}\n`), { code: 'INTERNAL', message: /the load generator wrote/ });
  }
});

test('goodput counts answers alone, and only those that came while calls were sent', () => {
  const samples = [sample, sample, { ...sample, code: 'RESOURCE_EXHAUSTED' }, { ...sample, dueMs: 1999 }, { ...sample, dueMs: 1995 }];
  assert.equal(goodput(samples, 2), 1.5);
});

test('calls that ended in an unexpected way are counted by their codes', () => {
  requireCodes([sample, { ...sample, code: 'RESOURCE_EXHAUSTED' }], ['OK', 'RESOURCE_EXHAUSTED']);
  assert.throws(() => requireCodes([sample, { ...sample, code: 'INTERNAL' }, { ...sample, code: 'INTERNAL' }], ['OK']), {
    code: 'INTERNAL',
    message: 'of 3 calls ended otherwise than OK: 2 INTERNAL',
  });
});
