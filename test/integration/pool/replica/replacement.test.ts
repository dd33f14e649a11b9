import assert from 'node:assert/strict';
import test from 'node:test';
import { failureOf, holding, letGo, startPool, startsIn } from '../../../support/pool.js';
import { eventually } from '../../../support/processes.js';

const identifying = 'export class Handler { call(request) { return String(process.pid); } }';

for (const update of ['rolling', 'recreate'] as const) {
  test(`recycle.maxCalls replaces a replica without a failed call (${update})`, async (t) => {
    const { call, pool, line } = await startPool(t, identifying, { update, recycle: { maxCalls: 20 } });
    const pids = new Set<string>();
    await eventually('three processes have answered', async () => {
      for (const pid of await Promise.all([call().text, call().text])) pids.add(pid);
      return pids.size >= 3;
    });
    await line(/replica 1 is replaced: it has had 20 calls/);
    await eventually('one replica is left', () => pool.snapshot().replicas.length === 1);
  });
}

const faulty = `
export class Handler {
  call(request) {
    switch (request.text()) {
      case 'timer': setTimeout(() => { throw new Error('left behind'); }, 0); return 'fine';
      case 'rejection': void Promise.reject(new Error('left behind')); return 'fine';
      case 'null': void Promise.reject(null); return 'fine';
      default: return String(process.pid);
    }
  }
}`;

for (const [fault, text] of [
  ['timer', /an uncaught exception: Error: left behind/],
  ['rejection', /an unhandled rejection: Error: left behind/],
  ['null', /an unhandled rejection: null was thrown/],
] as const) {
  test(`what a call leaves behind (${fault}) fails no call; it is logged under its id, and the replica is replaced`, async (t) => {
    const { call, pool, line } = await startPool(t, faulty);
    const before = await call().text;
    assert.equal(await call(fault, { requestId: 'guilty' }).text, 'fine');
    assert.equal((await line(text)).callId, 'guilty');
    await line(/is replaced: an un/);
    await eventually('another replica answers', async () => (await call().text) !== before);
    await eventually('the old one is gone', () => pool.snapshot().replicas.length === 1);
  });
}

test('with several calls at once, an uncaught exception fails the one that it came from and no other', async (t) => {
  const source = holding.replace(
    "if (text === 'spin') for (;;);",
    "if (text === 'fault') { setTimeout(() => { throw new Error('of one call'); }, 0); return new Promise(() => {}); }",
  );
  const { call, folder, line } = await startPool(t, source, { concurrency: 4 });
  const neighbour = call('hold a');
  const guilty = call('fault', { requestId: 'guilty' });
  assert.equal(failureOf(await guilty.outcome).reason, 'uncaught');
  assert.equal((await line(/of one call/)).callId, 'guilty');
  await letGo(folder, 'a');
  assert.equal(await neighbour.text, 'held a');
});

test('a replica with a stuck worker takes nothing new, lets its healthy workers finish, and is replaced then', async (t) => {
  const { call, folder, pool } = await startPool(t, holding, { threads: 2, killGraceMs: 20 });
  const stuck = call('spin', { timeoutMs: 50 });
  const healthy = call('hold a');
  await eventually('both run', async () => (await startsIn(folder)).length === 2);
  assert.equal(failureOf(await stuck.outcome).code, 'DEADLINE_EXCEEDED');
  await eventually('it is condemned', () => pool.snapshot().replicas[0]?.phase === 'condemned');
  assert.equal(pool.available, false, 'it can take no call');
  const next = call('next');
  assert.equal(pool.queued, 1);
  // Whatever has the keeper look again.
  pool.scale({ min: 1, max: 1 });
  assert.equal(pool.snapshot().replicas.length, 1, 'its place is not free before it is gone');
  await letGo(folder, 'a');
  assert.equal(await healthy.text, 'held a');
  assert.equal(await next.text, 'done next');
  assert.equal((await next.report).replica, 2);
  assert.match(pool.snapshot().lastFailure?.text ?? '', /killed because call call-1 ran on past its deadline/);
});

test('a call that never resolves costs its neighbours in the same Handler nothing', async (t) => {
  const { call, folder, pool } = await startPool(
    t,
    `${holding.replace("if (text === 'spin') for (;;);", "if (text === 'never') return new Promise(() => {});")}`,
    { concurrency: 4, killGraceMs: 20 },
  );
  const never = call('never', { timeoutMs: 40 });
  const neighbour = call('hold a');
  assert.equal(failureOf(await never.outcome).code, 'DEADLINE_EXCEEDED');
  await eventually('it is condemned', () => pool.snapshot().replicas[0]?.phase === 'condemned');
  await letGo(folder, 'a');
  assert.equal(await neighbour.text, 'held a');
  assert.equal(await call('next').text, 'done next');
});
