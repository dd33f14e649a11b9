import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { DcfError } from '../../../src/core/errors.js';
import type { Invocation } from '../../../src/pool/calls/invocation.js';
import type { FunctionPool } from '../../../src/pool/function-pool.js';
import type { NextPlace } from '../../../src/pool/scheduling/hand-over.js';
import { fakeFunctionPool } from '../../support/fake-function-pool.js';
import { fakeClock } from '../../support/fake-pool.js';

/** Pools with one busy worker each: the first call that a pool got, called `held`, is not answered yet. */
async function busyPools(t: TestContext, count: number) {
  const pools = Array.from({ length: count }, () => fakeFunctionPool(t));
  for (const { pool, call } of pools) {
    await pool.start();
    call('held');
  }
  return pools;
}

/** Where a call goes, by what it names. */
type Place = NextPlace<FunctionPool>;
const byName = (places: Record<string, Place>) => (invocation: Invocation) => places[invocation.selector ?? ''] ?? { kind: 'stay' };

test('calls that wait go over to another pool, in order and before its own, and keep their deadline and their caller', async (t) => {
  const clock = fakeClock(t);
  const [old, next] = await busyPools(t, 2);
  assert.ok(old !== undefined && next !== undefined);
  const waiting = [old.call('b'), old.call('c')];
  const cancelled = old.call('cancelled');
  const own = next.call('own');
  await clock.tick(20);
  const late = old.call('late', { timeoutMs: 50 });
  await clock.tick(20);
  old.pool.handOver(() => ({ kind: 'pool', pool: next.pool }));
  assert.deepEqual([old.pool.queued, next.pool.queued], [0, 5]);
  cancelled.cancel();
  await clock.tick(29);
  assert.deepEqual([cancelled.ended?.split(' ')[0], late.ended], ['CANCELLED', undefined]);
  await clock.tick(1);
  assert.match(late.ended ?? '', /^DEADLINE_EXCEEDED tested: the deadline of 50 ms passed in the queue/);
  assert.equal(next.pool.busy, true);
  for (let index = 0; index < 4; index++) next.worker().answer('next ');
  assert.deepEqual(
    [...waiting, own].map(({ ended }) => ended),
    ['next b', 'next c', 'next own'],
  );
  assert.deepEqual(next.worker().given.flat(), ['held', 'b', 'c', 'own']);
  assert.deepEqual([old.pool.busy, next.pool.busy], [true, false], 'what runs is finished where it is');
  old.worker().answer();
  assert.equal(old.pool.busy, false);
});

test('a call wakes the pool that it goes over to', async (t) => {
  const clock = fakeClock(t);
  const [old] = await busyPools(t, 1);
  const next = fakeFunctionPool(t, { replicas: { min: 0 } });
  await next.pool.restore();
  const waiting = old?.call('b');
  old?.pool.handOver(() => ({ kind: 'pool', pool: next.pool }));
  await clock.tick(0);
  next.worker().answer();
  assert.equal(waiting?.ended, 'b');
});

test('a suspended pool accepts calls, which wait until it is resumed', async (t) => {
  const clock = fakeClock(t);
  const [suspended] = await busyPools(t, 1);
  assert.ok(suspended !== undefined);
  const { pool, worker, call } = suspended;
  const queued = call('b');
  const ended = pool.suspend(20_000);
  const later = call('c');
  worker().answer();
  await ended;
  assert.deepEqual([pool.snapshot().replicas.length, pool.queued, pool.available], [0, 2, false]);
  await pool.resume();
  await clock.tick(0);
  const last = call('d');
  pool.handOver(() => ({ kind: 'stay' }));
  for (let index = 0; index < 3; index++) worker(2).answer();
  assert.deepEqual([queued.ended, later.ended, last.ended], ['b', 'c', 'd']);
});

test('to resume a pool that is not suspended changes nothing: who waits for its start is told when it is ready', async (t) => {
  const { pool, made } = fakeFunctionPool(t, {}, () => undefined);
  const started = pool.start();
  await pool.resume();
  made[0]?.becomeReady();
  await started;
  assert.equal(made.length, 1);
});

test('a suspended pool hands what waits to its successor, and stops', async (t) => {
  const [old, next] = [fakeFunctionPool(t), fakeFunctionPool(t)];
  await Promise.all([old.pool.start(), next.pool.start()]);
  await old.pool.suspend(1_000);
  const waiting = old.call('b');
  old.pool.handOver(() => ({ kind: 'pool', pool: next.pool }));
  await old.pool.stop(0);
  next.worker().answer();
  assert.equal(waiting.ended, 'b');
});

test('what waits is told apart: some of it stays, in its order, some goes to one pool or another, some is refused', async (t) => {
  const [old, next, third] = await busyPools(t, 3);
  assert.ok(old !== undefined && next !== undefined && third !== undefined);
  const waiting = ['', 'r1', 'alias', 'r1', 'refused'].map((selector, index) => old.call(String(index), { selector }));
  const refused: Place = { kind: 'refused', error: new DcfError('RESOURCE_EXHAUSTED', 'too large') };
  old.pool.handOver(byName({ '': { kind: 'pool', pool: next.pool }, alias: { kind: 'pool', pool: third.pool }, refused }));
  assert.deepEqual([old.pool.running, old.pool.queued, waiting[4]?.ended], [1, 2, 'RESOURCE_EXHAUSTED too large']);
  for (const { worker } of [old, old, old, next, next, third, third]) worker().answer();
  assert.deepEqual(
    [old, next, third].map(({ worker }) => worker().given.flat()),
    [
      ['held', '1', '3'],
      ['held', '0'],
      ['held', '2'],
    ],
  );
  assert.deepEqual(
    waiting.slice(0, 4).map(({ ended }) => ended),
    ['0', '1', '2', '3'],
  );
});

test('what stays with a pool that runs nothing more is told so at once', async (t) => {
  const { pool, call } = fakeFunctionPool(t);
  await pool.start();
  await pool.suspend(1_000);
  const waiting = call('b', { selector: 'r1' });
  pool.handOver(() => ({ kind: 'stay' }));
  const message = 'revision r1 of tested was replaced while the call waited for it, and no longer runs: name another revision, or none';
  assert.equal(waiting.ended, `NOT_FOUND ${message}`);
});
