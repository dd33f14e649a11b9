import assert from 'node:assert/strict';
import test from 'node:test';
import { failureOf, holding, letGo, startPool, startsIn } from '../../support/pool.js';
import { eventually } from '../../support/processes.js';

test('calls that wait go over to another pool, in order and before its own, and keep their deadline and their caller', async (t) => {
  const old = await startPool(t, holding);
  const next = await startPool(t, holding, { revision: 'r2' });
  const running = old.call('hold a');
  const waiting = [old.call('b'), old.call('c')];
  const cancelled = old.call('cancelled');
  const held = next.call('hold z');
  await eventually('both pools are busy', async () => (await startsIn(old.folder)).length + (await startsIn(next.folder)).length === 2);
  const own = next.call('own');
  const late = old.call('late', { timeoutMs: 50 });
  old.pool.handOver(next.pool);
  assert.deepEqual([old.pool.queued, next.pool.queued], [0, 5]);
  cancelled.cancel();
  assert.equal(failureOf(await cancelled.outcome).code, 'CANCELLED');
  assert.equal(failureOf(await late.outcome).code, 'DEADLINE_EXCEEDED');
  await letGo(next.folder, 'z');
  assert.deepEqual(await Promise.all(waiting.map(({ text }) => text)), ['done b', 'done c']);
  assert.deepEqual(new Set((await Promise.all(waiting.map(({ report }) => report))).map(({ revision }) => revision)), new Set(['r2']));
  assert.deepEqual([await held.text, await own.text], ['held z', 'done own']);
  assert.deepEqual(await startsIn(next.folder), ['hold z', 'b', 'c', 'own']);
  await letGo(old.folder, 'a');
  assert.equal(await running.text, 'held a');
  await old.pool.stop(20_000);
});

test('a suspended pool accepts calls, which wait until it is resumed', async (t) => {
  const { call, folder, pool } = await startPool(t, holding);
  const running = call('hold a');
  await eventually('it runs', async () => (await startsIn(folder)).length === 1);
  const queued = call('b');
  const suspended = pool.suspend(20_000);
  const later = call('c');
  await letGo(folder, 'a');
  assert.equal(await running.text, 'held a');
  await suspended;
  assert.deepEqual([pool.keeper.replicas.length, pool.queued, pool.available], [0, 2, false]);
  await pool.resume();
  assert.deepEqual([await queued.text, await later.text], ['done b', 'done c']);
});

test('a suspended pool hands what waits to its successor, and stops', async (t) => {
  const old = await startPool(t, holding);
  await old.pool.suspend(1_000);
  const waiting = old.call('b');
  const next = await startPool(t, holding);
  old.pool.handOver(next.pool);
  await old.pool.stop(0);
  assert.equal(await waiting.text, 'done b');
});
