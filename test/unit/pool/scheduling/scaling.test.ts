import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { createPool, failureOf, holding, letGo, startPool } from '../../../support/pool.js';
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

test('replicas come with the calls that wait, at most max, and go again, down to min, without a lost call', async (t) => {
  const { call, folder, pool } = await startPool(t, holding, { replicas: { min: 1, max: 3, idleTimeout: '300ms' } });
  const held = ['a', 'b', 'c', 'd'].map((name) => call(`hold ${name}`));
  await eventually('three replicas run', () => pool.running === 3);
  assert.equal(pool.snapshot().wanted, 3);
  await Promise.all(['a', 'b', 'c', 'd'].map((name) => letGo(folder, name)));
  assert.deepEqual(await Promise.all(held.map(({ text }) => text)), ['held a', 'held b', 'held c', 'held d']);
  await eventually('one is left', () => pool.snapshot().replicas.length === 1);
});

test('a replica that goes because it is not needed finishes its call first', async (t) => {
  const { call, folder, pool } = await startPool(t, holding, { replicas: { min: 1, max: 2, idleTimeout: '100ms' } });
  const held = ['a', 'b', 'c'].map((name) => call(`hold ${name}`));
  await eventually('two replicas run', () => pool.running === 2);
  pool.scale({ min: 1, max: 1 });
  await eventually('one of them leaves', () => pool.snapshot().replicas.some(({ phase }) => phase === 'draining'));
  await Promise.all(['a', 'b', 'c'].map((name) => letGo(folder, name)));
  assert.deepEqual(await Promise.all(held.map(({ text }) => text)), ['held a', 'held b', 'held c']);
  await eventually('it is gone', () => pool.snapshot().replicas.length === 1);
});

test('scale changes the bounds of a pool that runs', async (t) => {
  const { pool } = await startPool(t, holding);
  pool.scale({ min: 3, max: 3 });
  await eventually('three are ready', () => pool.snapshot().ready === 3);
  pool.scale({ min: 1, max: 1 });
  await eventually('one is left', () => pool.snapshot().replicas.length === 1 && pool.snapshot().ready === 1);
  pool.scale({ min: 2, max: 4 });
  await eventually('two are ready', () => pool.snapshot().ready === 2);
});

const conditional = `
import { existsSync } from 'node:fs';
import { join } from 'node:path';
export class Handler {
  constructor() { if (!existsSync(join(new URL('.', import.meta.url).pathname, 'weights'))) throw new Error('no weights'); }
  call() { return 'loaded'; }
}`;

test('a cold start that fails is told to the calls that wait, and tried again until the cause is gone', async (t) => {
  const { call, folder, pool } = await createPool(t, conditional, { replicas: { min: 0, idleTimeout: '10m' } });
  await pool.restore();
  const error = failureOf(await call().outcome);
  assert.equal(error.code, 'FAILED_PRECONDITION');
  assert.match(error.message, /tested is not ready: the Handler could not be built: no weights/);
  assert.equal(pool.available, false);
  await writeFile(join(folder, 'weights'), '');
  await eventually('it is there', () => pool.available);
  assert.equal(await call().text, 'loaded');
});

test('however many replicas are wanted, a start that fails is tried one at a time, ever more seldom', async (t) => {
  const { pool } = await createPool(t, conditional, { replicas: { min: 8 } });
  await assert.rejects(pool.start(), { code: 'FAILED_PRECONDITION' });
  let started = 0;
  await eventually('several tries have failed', () => {
    started = Math.max(started, ...pool.snapshot().replicas.map(({ id }) => id));
    return started >= 12;
  });
  // The eight of the start, then one by one: after four more tries 50 + 100 + 200 + 400 ms have gone, give or take a fifth.
  assert.ok(pool.snapshot().replicas.length <= 1, `${pool.snapshot().replicas.length} at once`);
});
