import assert from 'node:assert/strict';
import test from 'node:test';
import { failureOf, holding, letGo, type PoolSettings, startPool, startsIn } from '../../../support/pool.js';
import { eventually } from '../../../support/processes.js';

/** A `holding` Handler whose process a call named "die …" ends. */
const mortal = holding.replace(
  "if (text === 'spin')",
  "if (text.startsWith('die ')) process.kill(process.pid, 'SIGKILL');\n    if (text === 'spin')",
);

/** A pool whose calls have been short so far, so that one more is sent ahead to a busy worker. */
async function quickPool(t: test.TestContext, settings: PoolSettings = {}, source = holding) {
  const tested = await startPool(t, source, settings);
  const workers = () => tested.pool.snapshot().replicas.flatMap((replica) => replica.workers);
  for (const _ of workers()) {
    await Promise.all(Array.from({ length: 30 }, () => tested.call('quick').text));
  }
  const began = (name: string) => eventually(`${name} has begun`, async () => (await startsIn(tested.folder)).includes(name));
  return { ...tested, workers, began };
}

test('a short call is sent ahead to a busy worker, and begins when that is free', async (t) => {
  const { call, folder, pool, workers, began } = await quickPool(t);
  const held = call('hold a');
  const ahead = call('b');
  const queued = call('c');
  await began('hold a');
  assert.equal(workers()[0]?.running, 2);
  assert.equal(pool.queued, 1);
  assert.deepEqual((await startsIn(folder)).slice(-1), ['hold a']);
  await letGo(folder, 'a');
  assert.deepEqual(await Promise.all([held.text, ahead.text, queued.text]), ['held a', 'done b', 'done c']);
  assert.deepEqual((await startsIn(folder)).slice(-3), ['hold a', 'b', 'c']);
});

test('a call ahead of which the worker dies has not begun: another worker answers it, once, before what was queued', async (t) => {
  const { call, folder, pool, began } = await quickPool(t);
  const held = call('hold a');
  const ahead = call('b');
  const queued = call('c');
  await began('hold a');
  process.kill(pool.snapshot().replicas[0]?.pid ?? 0, 'SIGKILL');
  const error = failureOf(await held.outcome);
  assert.deepEqual([error.code, error.reason], ['INTERNAL', 'signal:SIGKILL']);
  assert.deepEqual([await ahead.text, await queued.text], ['done b', 'done c']);
  assert.deepEqual((await startsIn(folder)).slice(-3), ['hold a', 'b', 'c']);
  assert.equal((await ahead.report).replica, 2);
});

test('under constant deaths no call is run twice, and none is lost', async (t) => {
  const { call, folder } = await quickPool(t, { queue: { maxSize: 1_000 } }, mortal);
  // Each hundredth call ends its process once it has begun: with one more behind it there, and others in the queue.
  const names = Array.from({ length: 400 }, (_, index) => (index % 100 === 50 ? `die ${index}` : `n${index}`));
  const outcomes = await Promise.all(names.map((name) => call(name).outcome));
  assert.deepEqual((await startsIn(folder)).slice(-names.length), names, 'each call was begun once, in its turn');
  names.forEach((name, index) => {
    const outcome = outcomes[index];
    const ended = outcome?.ok ? Buffer.from(outcome.output).toString() : outcome?.error.reason;
    assert.equal(ended, name.startsWith('die') ? 'signal:SIGKILL' : `done ${name}`);
  });
});

test('a call ahead that is cancelled never begins', async (t) => {
  const { call, folder, workers, began } = await quickPool(t);
  const held = call('hold a');
  const ahead = call('b');
  await began('hold a');
  ahead.cancel();
  assert.equal(failureOf(await ahead.outcome).code, 'CANCELLED');
  await eventually('the worker has dropped it', () => workers()[0]?.running === 1);
  await letGo(folder, 'a');
  assert.equal(await held.text, 'held a');
  assert.equal(await call('c').text, 'done c');
  assert.deepEqual((await startsIn(folder)).slice(-2), ['hold a', 'c']);
});

test('a call ahead that is cancelled while the Handler blocks its thread never begins', async (t) => {
  const { call, folder, began } = await quickPool(t);
  const blocking = call('block 300');
  const ahead = call('b');
  await began('block 300');
  ahead.cancel();
  assert.equal(await blocking.text, 'done block 300');
  assert.equal(await call('c').text, 'done c');
  assert.deepEqual((await startsIn(folder)).slice(-2), ['block 300', 'c']);
});

test('a call ahead whose deadline passes never begins', async (t) => {
  const { call, folder, workers, began } = await quickPool(t);
  const held = call('hold a');
  await began('hold a');
  const ahead = call('b', { timeoutMs: 30 });
  assert.match(failureOf(await ahead.outcome).message, /passed in the queue/);
  await eventually('the worker has dropped it', () => workers()[0]?.running === 1);
  await letGo(folder, 'a');
  assert.equal(await held.text, 'held a');
  assert.equal((await startsIn(folder)).includes('b'), false);
});

test('a call ahead whose deadline passes while the Handler blocks its thread never begins, and its worker is not blamed', async (t) => {
  const { call, folder, began } = await quickPool(t, { killGraceMs: 1 });
  const blocking = call('block 300');
  await began('block 300');
  const ahead = call('b', { timeoutMs: 30 });
  assert.match(failureOf(await ahead.outcome).message, /passed in the queue/);
  const next = call('c');
  assert.deepEqual([await blocking.text, await next.text], ['done block 300', 'done c']);
  assert.equal((await next.report).replica, 1);
  assert.deepEqual((await startsIn(folder)).slice(-2), ['block 300', 'c']);
});

test('a call ahead of a slow one is taken back when another worker is idle', async (t) => {
  const { call, folder, workers, began } = await quickPool(t, { threads: 2 });
  const held = ['hold a', 'hold b'].map((name) => call(name));
  await Promise.all([began('hold a'), began('hold b')]);
  const ahead = call('c');
  const behind = workers().findIndex((worker) => worker.running === 2);
  assert.notEqual(behind, -1);
  // Calls go to the workers in order: the first to worker 0, the second to worker 1. The one without the call ahead becomes free.
  const names = ['a', 'b'];
  await letGo(folder, names[1 - behind] ?? '');
  assert.equal((await held[1 - behind]?.report)?.worker, 1 - behind);
  assert.equal(await ahead.text, 'done c');
  assert.equal((await ahead.report).worker, 1 - behind);
  await letGo(folder, names[behind] ?? '');
  await Promise.all(held.map(({ text }) => text));
});
