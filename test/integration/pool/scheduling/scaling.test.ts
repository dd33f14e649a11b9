import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool, holding } from '../../../support/pool.js';
import { eventually, isAlive } from '../../../support/processes.js';

test('from zero: calls at the same time start one replica, and all are answered', async (t) => {
  const { call, pool } = await createPool(t, holding, { replicas: { min: 0, max: 4, idleTimeout: '200ms' } });
  await pool.restore();
  assert.equal(pool.snapshot().replicas.length, 0);
  assert.equal(pool.available, true);
  const calls = Array.from({ length: 50 }, (_, index) => call(`c${index}`));
  assert.equal(pool.snapshot().replicas.length, 1);
  assert.deepEqual(
    await Promise.all(calls.map(({ text }) => text)),
    calls.map((_, index) => `done c${index}`),
  );
  const reports = await Promise.all(calls.map(({ report }) => report));
  // Where the answers take longer than two looks at the load, more replicas come: autoscaler.test.ts has the rule.
  assert.ok(reports.every(({ cold }) => cold));
  const pid = pool.snapshot().replicas[0]?.pid ?? 0;
  await eventually('it rests again', () => pool.snapshot().replicas.length === 0);
  assert.equal(isAlive(pid), false);
  assert.equal(await call('again').text, 'done again');
  assert.equal((await call('warm').report).cold, false);
});
