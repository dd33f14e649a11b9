import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { type ScaledReplicas, Scaler } from '../../../../src/pool/scheduling/scaler.js';
import { fakeClock } from '../../../support/fake-pool.js';

/** Replicas that are ready as soon as they are wanted, and a scaler that may rest them after 300 ms; each runs two calls at once. */
function setUp(t: TestContext, bounds: { min: number; max: number }) {
  const clock = fakeClock(t);
  const seen: number[] = [];
  let wanted = 0;
  const want = (count: number): void => {
    wanted = count;
    seen.push(count);
  };
  const replicas: ScaledReplicas = {
    start: async (count) => want(count),
    setWanted: want,
    get wanted() {
      return wanted;
    },
    get readyCount() {
      return wanted;
    },
  };
  const scaler = new Scaler(replicas, { ...bounds, idleTimeoutMs: 300 }, 2);
  t.after(() => scaler.stop());
  return { clock, scaler, seen };
}

test('a pool that may rest is started by its first call, and rests again once it is idle', async (t) => {
  const { clock, scaler, seen } = setUp(t, { min: 0, max: 4 });
  await scaler.start(0);
  await clock.tick(10_000);
  assert.deepEqual(seen, [0]);
  scaler.wake();
  scaler.note(1);
  assert.deepEqual(seen, [0, 1]);
  scaler.note(0);
  await clock.tick(250);
  assert.deepEqual(seen, [0, 1], 'it has not been idle long enough');
  await clock.tick(10_000);
  assert.equal(seen.at(-1), 0);
});

test('a pool that was started although it may rest rests when nobody calls', async (t) => {
  const { clock, scaler, seen } = setUp(t, { min: 0, max: 4 });
  await scaler.start(1);
  await clock.tick(10_000);
  assert.deepEqual(seen, [1, 0]);
});

test('replicas come with the load, as many as it needs and no more than max, and go down to min', async (t) => {
  const { clock, scaler, seen } = setUp(t, { min: 1, max: 3 });
  await scaler.start(1);
  scaler.note(4);
  await clock.tick(2_000);
  assert.equal(seen.at(-1), 2);
  scaler.note(40);
  await clock.tick(2_000);
  assert.equal(seen.at(-1), 3);
  scaler.note(0);
  await clock.tick(60_000);
  assert.equal(seen.at(-1), 1);
});

test('a call that comes between two looks counts, though it has ended by the second', async (t) => {
  const { clock, scaler, seen } = setUp(t, { min: 0, max: 1 });
  await scaler.start(1);
  for (let index = 0; index < 20; index++) {
    scaler.note(1);
    scaler.note(0);
    await clock.tick(250);
  }
  assert.equal(seen.at(-1), 1);
});

test('new bounds hold at once; nothing grows beyond them, and a stopped scaler decides nothing', async (t) => {
  const { clock, scaler, seen } = setUp(t, { min: 1, max: 4 });
  await scaler.start(1);
  scaler.setBounds({ min: 2, max: 2 });
  assert.equal(seen.at(-1), 2);
  assert.deepEqual([scaler.canGrow, scaler.grow()], [false, false]);
  scaler.setBounds({ min: 2, max: 3 });
  assert.deepEqual([scaler.grow(), seen.at(-1), scaler.canGrow], [true, 3, false]);
  scaler.stop();
  const before = seen.length;
  scaler.setBounds({ min: 0, max: 9 });
  scaler.wake();
  scaler.note(100);
  await clock.tick(10_000);
  assert.deepEqual([seen.length, scaler.grow()], [before, false]);
});
