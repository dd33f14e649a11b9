import assert from 'node:assert/strict';
import test from 'node:test';
import { DcfError } from '../../../src/core/errors.js';
import { fakeFunctionPool, type OnStart } from '../../support/fake-function-pool.js';
import { fakeClock } from '../../support/fake-pool.js';
import { failureOf } from '../../support/pool.js';

test('a call goes to a replica that is ready, as many at once as it has slots, and the rest waits in its order', async (t) => {
  const { pool, worker, call, counters } = fakeFunctionPool(t, { concurrency: 2 });
  await pool.start();
  const calls = ['a', 'b', 'c', 'd'].map((id) => call(id));
  assert.deepEqual([worker().given.flat(), pool.running, pool.queued, pool.busy], [['a', 'b'], 2, 2, true]);
  for (let index = 0; index < 4; index++) worker().answer('r1 ');
  assert.deepEqual(
    calls.map(({ ended }) => ended),
    ['r1 a', 'r1 b', 'r1 c', 'r1 d'],
  );
  assert.deepEqual([worker().given.flat(), pool.running, pool.queued, pool.busy], [['a', 'b', 'c', 'd'], 0, 0, false]);
  assert.deepEqual(counters, { calls: 4, errors: 0 });
});

test('a full queue refuses at once, says when to come back, and counts the call as failed', async (t) => {
  const { pool, call, counters } = fakeFunctionPool(t, { queue: { maxSize: 2 } });
  await pool.start();
  for (const id of ['running', 'q1', 'q2']) call(id);
  const [outcome] = call('q3').outcomes;
  assert.ok(outcome !== undefined);
  const { code, message, retryAfterMs } = failureOf(outcome);
  assert.deepEqual([code, retryAfterMs], ['RESOURCE_EXHAUSTED', 100]);
  assert.match(message, /queue of tested is full: 2 calls wait/);
  assert.deepEqual(counters, { calls: 4, errors: 1 });
});

test('the shorter of the deadlines of caller and function ends a call that waits, and no Handler sees it', async (t) => {
  const clock = fakeClock(t);
  const { pool, worker, call } = fakeFunctionPool(t, { timeout: '40ms' });
  await pool.start();
  const held = call('held');
  const [hasty, patient] = [call('hasty', { timeoutMs: 30 }), call('patient', { timeoutMs: 5_000 })];
  await clock.tick(29);
  assert.deepEqual([hasty.ended, pool.queued], [undefined, 2]);
  await clock.tick(1);
  assert.match(hasty.ended ?? '', /^DEADLINE_EXCEEDED tested: the deadline of 30 ms passed in the queue/);
  await clock.tick(10);
  assert.match(patient.ended ?? '', /^DEADLINE_EXCEEDED tested: the deadline of 40 ms passed in the queue/);
  assert.match(held.ended ?? '', /passed in the Handler/);
  worker().answer();
  assert.deepEqual([worker().given.flat(), pool.queued], [['held'], 0]);
  call('next');
  assert.deepEqual(worker().given.flat(), ['held', 'next'], 'the slot came back with the answer');
});

test('a cancelled call that waits never runs; one that runs is told to its worker, and keeps the slot until that answers', async (t) => {
  const { pool, worker, call } = fakeFunctionPool(t);
  await pool.start();
  const [running, queued] = [call('running'), call('queued')];
  queued.cancel();
  running.cancel();
  assert.match(`${queued.ended} ${running.ended}`, /^CANCELLED .* CANCELLED /);
  assert.deepEqual([worker().cancelled, pool.busy], [['running'], false]);
  call('next');
  assert.equal(pool.queued, 1);
  worker().answer();
  assert.deepEqual(worker().given.flat(), ['running', 'next']);
});

test('stop finishes what was accepted, refuses what comes after, and ends every replica', async (t) => {
  const { pool, worker, call } = fakeFunctionPool(t);
  await pool.start();
  const [running, queued] = [call('running'), call('queued')];
  const stopped = pool.stop(20_000);
  assert.match(call('late').ended ?? '', /^UNAVAILABLE tested is being stopped/);
  worker().answer();
  worker().answer();
  await stopped;
  assert.deepEqual([running.ended, queued.ended, pool.snapshot().replicas], ['running', 'queued', []]);
});

test('queued calls outlive the replica that dies while the pool stops', async (t) => {
  const clock = fakeClock(t);
  const { pool, worker, call, made } = fakeFunctionPool(t);
  await pool.start();
  const [dying, last] = [call('dying'), call('last')];
  const stopped = pool.stop(20_000);
  made[0]?.kill();
  await clock.tick(200);
  worker(2).answer();
  await stopped;
  assert.match(dying.ended ?? '', /^INTERNAL the worker died while it ran the call: it exited with code 1/);
  assert.equal(last.ended, 'last');
});

test('stop kills what does not finish within the grace, and fails what still waits', async (t) => {
  const clock = fakeClock(t);
  const { pool, call } = fakeFunctionPool(t);
  await pool.start();
  const [running, queued] = [call('running'), call('queued')];
  const stopped = pool.stop(50);
  await clock.tick(49);
  assert.deepEqual([running.ended, queued.ended], [undefined, undefined]);
  await clock.tick(10);
  await stopped;
  assert.match(running.ended ?? '', /^INTERNAL .*it was stopped/);
  assert.match(queued.ended ?? '', /^UNAVAILABLE tested is being stopped/);
});

test('from zero: calls that come together start one replica, have waited for it, and it rests again', async (t) => {
  const clock = fakeClock(t);
  const { pool, made, worker, call } = fakeFunctionPool(t, { replicas: { min: 0, max: 4, idleTimeout: '200ms' }, concurrency: 50 });
  await pool.restore();
  assert.deepEqual([made.length, pool.available], [0, true]);
  const calls = Array.from({ length: 50 }, (_, index) => call(`c${index}`));
  assert.equal(made.length, 1);
  await clock.tick(0);
  for (const _ of calls) worker().answer();
  assert.deepEqual(
    calls.map(({ ended, reports }) => [ended, reports[0]?.cold]),
    calls.map((_, index) => [`c${index}`, true]),
  );
  await clock.tick(10_000);
  assert.deepEqual([pool.snapshot().replicas.length, pool.available], [0, true]);
  const again = call('again');
  await clock.tick(0);
  worker().answer();
  const warm = call('warm');
  worker().answer();
  assert.deepEqual([again.ended, again.reports[0]?.cold, warm.reports[0]?.cold], ['again', true, false]);
});

test('replicas come with the calls that wait, at most max, and go down to min; one that goes finishes its call first', async (t) => {
  const clock = fakeClock(t);
  const { pool, made, worker, call } = fakeFunctionPool(t, { replicas: { min: 1, max: 3, idleTimeout: '300ms' } });
  await pool.start();
  const calls = ['a', 'b', 'c', 'd'].map((id) => call(id));
  await clock.tick(2_000);
  assert.deepEqual([pool.running, pool.queued, pool.snapshot().wanted], [3, 1, 3]);
  pool.scale({ min: 1, max: 1 });
  await clock.tick(0);
  assert.deepEqual(made.map(({ phase }) => phase).toSorted(), ['draining', 'draining', 'ready']);
  for (const one of made.toReversed()) one.workers[0]?.answer();
  await clock.tick(0);
  worker(made.find(({ phase }) => phase === 'ready')?.id).answer();
  assert.deepEqual(
    calls.map(({ ended }) => ended),
    ['a', 'b', 'c', 'd'],
  );
  assert.equal(pool.snapshot().replicas.length, 1);
});

test('scale changes the bounds of a pool that runs', async (t) => {
  const clock = fakeClock(t);
  const { pool } = fakeFunctionPool(t);
  await pool.start();
  const counts: number[] = [];
  for (const [min, max] of [
    [3, 3],
    [1, 1],
    [2, 4],
  ] as const) {
    pool.scale({ min, max });
    await clock.tick(0);
    counts.push(pool.snapshot().ready, pool.snapshot().replicas.length);
  }
  assert.deepEqual(counts, [3, 3, 1, 1, 2, 2]);
});

test('a cold start that fails is told to the calls that wait, and is tried again until the cause is gone', async (t) => {
  const clock = fakeClock(t);
  let onStart: OnStart = (one) => one.failStart(new DcfError('FAILED_PRECONDITION', 'no weights'));
  const { pool, worker, call, changes } = fakeFunctionPool(t, { replicas: { min: 0, idleTimeout: '10m' } }, (one) => onStart(one));
  await pool.restore();
  const first = call('first');
  await clock.tick(0);
  assert.deepEqual([first.ended, pool.available], ['FAILED_PRECONDITION tested is not ready: no weights', false]);
  assert.match(call('second').ended ?? '', /^FAILED_PRECONDITION .*no weights/);
  onStart = (one) => one.becomeReady();
  const before = changes.count;
  await clock.tick(2_000);
  assert.deepEqual([pool.available, changes.count > before], [true, true]);
  const third = call('third');
  worker().answer();
  assert.equal(third.ended, 'third');
});

test('a replica that dies under calls fails those with the reason, batches whole; what waits is answered by the next', async (t) => {
  const clock = fakeClock(t);
  const { pool, made, worker, call, counters } = fakeFunctionPool(t, { batch: { maxSize: 2 } }, (one) => {
    for (const each of one.workers) each.takesBatches = true;
    one.becomeReady();
  });
  await pool.start();
  const calls = ['die', 'with', 'next'].map((id) => call(id));
  await clock.tick(0);
  assert.deepEqual(worker().given, [['die', 'with']]);
  made[0]?.kill('it was ended by SIGKILL', 'signal:SIGKILL');
  for (const { outcomes } of calls.slice(0, 2)) {
    assert.ok(outcomes[0] !== undefined);
    const { code, reason } = failureOf(outcomes[0]);
    assert.deepEqual([code, reason], ['INTERNAL', 'signal:SIGKILL']);
  }
  await clock.tick(200);
  worker(2).answer();
  assert.deepEqual([calls[2]?.ended, pool.batchSizes[2], counters.errors], ['next', 1, 2]);
  assert.deepEqual(
    calls.map(({ reports }) => reports[0]?.batchSize),
    [2, 2, 1],
  );
});

test('a call that was sent ahead of a replica’s death comes back, in front of what waits, and is run once', async (t) => {
  const clock = fakeClock(t);
  const { pool, made, worker, call } = fakeFunctionPool(t);
  await pool.start();
  worker().quick = true;
  const [held, ahead, queued] = [call('held'), call('ahead'), call('queued')];
  assert.deepEqual(worker().given.flat(), ['held', 'ahead']);
  made[0]?.kill();
  assert.match(held.ended ?? '', /^INTERNAL/);
  assert.equal(pool.queued, 2);
  await clock.tick(200);
  worker(2).answer();
  worker(2).answer();
  assert.deepEqual([worker(2).given.flat(), ahead.ended, queued.ended], [['ahead', 'queued'], 'ahead', 'queued']);
});

test('a replica that should be replaced is, without a failed call, and the log says why', async (t) => {
  const clock = fakeClock(t);
  const { pool, made, worker, call, lines } = fakeFunctionPool(t);
  await pool.start();
  const held = call('held');
  const [first] = made;
  first?.events.replicaRetires(first, { kind: 'recycle', why: 'it has had 20 calls' });
  await clock.tick(0);
  assert.deepEqual(lines, ['1 replica 1 is replaced: it has had 20 calls']);
  const next = call('next');
  assert.deepEqual([made.map(({ phase }) => phase), worker(2).given], [['draining', 'ready'], [['next']]]);
  worker(1).answer();
  worker(2).answer();
  await clock.tick(0);
  assert.deepEqual([held.ended, next.ended, first?.phase], ['held', 'next', 'ended']);
});
