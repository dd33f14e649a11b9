import assert from 'node:assert/strict';
import test from 'node:test';
import { DcfError } from '../../../src/core/errors.js';
import type { Invocation } from '../../../src/pool/calls/invocation.js';
import type { NextPlace } from '../../../src/pool/function-pool.js';
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
  old.pool.handOver(() => ({ kind: 'pool', pool: next.pool }));
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
  assert.deepEqual([pool.snapshot().replicas.length, pool.queued, pool.available], [0, 2, false]);
  await pool.resume();
  assert.deepEqual([await queued.text, await later.text], ['done b', 'done c']);
});

test('a suspended pool hands what waits to its successor, and stops', async (t) => {
  const old = await startPool(t, holding);
  await old.pool.suspend(1_000);
  const waiting = old.call('b');
  const next = await startPool(t, holding);
  old.pool.handOver(() => ({ kind: 'pool', pool: next.pool }));
  await old.pool.stop(0);
  assert.equal(await waiting.text, 'done b');
});

/** Where a call goes, by what it names. */
const byName = (places: Record<string, NextPlace>) => (invocation: Invocation) => places[invocation.selector ?? ''] ?? { kind: 'stay' };

test('what waits is told apart: some of it stays, in its order, some goes to one pool or another, some is refused', async (t) => {
  const [old, next, third] = await Promise.all(['r1', 'r2', 'r3'].map((revision) => startPool(t, holding, { revision })));
  assert.ok(old !== undefined && next !== undefined && third !== undefined);
  const running = old.call('hold a');
  await eventually('it runs', async () => (await startsIn(old.folder)).length === 1);
  const waiting = ['', 'r1', 'alias', 'r1', 'refused'].map((selector, index) => old.call(String(index), { selector }));
  const refused: NextPlace = { kind: 'refused', error: new DcfError('RESOURCE_EXHAUSTED', 'too large') };
  const places = { '': { kind: 'pool', pool: next.pool }, alias: { kind: 'pool', pool: third.pool }, refused } as const;
  old.pool.handOver(byName(places));
  assert.deepEqual([old.pool.running, old.pool.queued], [1, 2]);
  await letGo(old.folder, 'a');
  await old.pool.stop(20_000);
  assert.equal(await running.text, 'held a');
  const outcomes = await Promise.all(waiting.map(({ outcome }) => outcome));
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.ok ? Buffer.from(outcome.output).toString() : outcome.error.message)),
    ['done 0', 'done 1', 'done 2', 'done 3', 'too large'],
  );
  assert.deepEqual(await Promise.all([old, next, third].map(({ folder }) => startsIn(folder))), [['hold a', '1', '3'], ['0'], ['2']]);
});

test('what stays with a pool that runs nothing more is told so at once', async (t) => {
  const { call, pool } = await startPool(t, holding);
  await pool.suspend(1_000);
  const waiting = call('b', { selector: 'r1' });
  pool.handOver(() => ({ kind: 'stay' }));
  const { code, message } = failureOf(await waiting.outcome);
  assert.deepEqual(
    [code, message],
    ['NOT_FOUND', 'revision r1 of tested was replaced while the call waited for it, and no longer runs: name another revision, or none'],
  );
  await pool.stop(20_000);
});
