import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { DcfError } from '../../../../src/core/errors.js';
import { ReplicaSet } from '../../../../src/pool/replica/replica-set.js';
import { FakeReplica, FakeWorker, fakeCall, fakeClock } from '../../../support/fake-pool.js';
import { noPool } from '../../../support/pool.js';

/** A set whose replicas become ready, and end, when the test says so. */
function setUp(t: TestContext, overlap = true) {
  const clock = fakeClock(t);
  const made: FakeReplica[] = [];
  const told: string[] = [];
  const set = new ReplicaSet<FakeReplica>({
    overlap,
    drainGraceMs: 1_000,
    create: (id) => {
      const replica = new FakeReplica(id);
      made.push(replica);
      return replica;
    },
    onReady: ({ id }) => void told.push(`${id} ready`),
    onEnded: () => void told.push('one ended'),
  });
  const get = (id: number): FakeReplica => made[id - 1] ?? assert.fail(`no replica ${id} was made`);
  const phases = (): string[] => set.replicas.map(({ id, phase }) => `${id} ${phase}`);
  return { clock, set, made, told, get, phases };
}

test('starts what is wanted, resolves when so many are ready, and starts each anew that ends', async (t) => {
  const { clock, set, get, phases, told } = setUp(t);
  let ready = false;
  const started = set.start(2).then(() => {
    ready = true;
  });
  get(1).becomeReady();
  await clock.tick(0);
  assert.deepEqual([ready, set.readyCount, set.expectsReplica], [false, 1, true]);
  get(2).becomeReady();
  await clock.tick(0);
  await started;
  assert.deepEqual([set.readyCount, set.expectsReplica, told], [2, false, ['1 ready', '2 ready']]);
  get(1).age = 100_000;
  get(1).finish();
  await clock.tick(0);
  assert.equal(set.lastFailure?.text, 'it exited with code 1');
  await clock.tick(200);
  assert.deepEqual(phases(), ['2 ready', '3 starting']);
});

test('tries again ever more seldom while replicas end at once, and says how long the pause is when it is long', async (t) => {
  const { clock, set, made, get } = setUp(t);
  void set.start(1).catch(() => undefined);
  const pauses: number[] = [];
  for (let count = 1; count <= 8; count++) {
    get(count).becomeReady();
    await clock.tick(0);
    get(count).finish();
    await clock.tick(0);
    if (set.pauseMs > 0) pauses.push(set.pauseMs);
    for (let waited = 0; made.length === count && waited < 40_000; waited += 50) await clock.tick(50);
    assert.equal(made.length, count + 1);
  }
  assert.ok(pauses.length >= 2, `${pauses}`);
  assert.deepEqual(
    pauses,
    pauses.toSorted((a, b) => a - b),
  );
  assert.ok((pauses[0] ?? 0) > 1_000 && (pauses.at(-1) ?? 0) <= 30_000, `${pauses}`);
});

test('a Handler that cannot be built fails the start with its error, is tried once at a time, and recovers', async (t) => {
  const { clock, set, get, made } = setUp(t);
  const started = set.start(3);
  const failed = assert.rejects(started, { code: 'FAILED_PRECONDITION', message: 'no weights' });
  for (const id of [1, 2, 3]) get(id).failStart(new DcfError('FAILED_PRECONDITION', 'no weights'));
  await clock.tick(0);
  await failed;
  assert.equal(set.initError?.message, 'no weights');
  await clock.tick(60_000);
  assert.equal(made.length, 4, 'one try tells as much as three');
  get(4).becomeReady();
  await clock.tick(0);
  assert.deepEqual([set.initError, made.length, set.readyCount], [undefined, 6, 1]);
});

test('a replica that should be replaced takes calls until its successor is ready, where there is room for both', async (t) => {
  const { clock, set, get, phases } = setUp(t);
  void set.start(1);
  get(1).becomeReady();
  await clock.tick(0);
  set.replace(get(1), { kind: 'recycle', why: 'it has had 10 calls' });
  assert.deepEqual(phases(), ['1 ready', '2 starting']);
  get(2).becomeReady();
  await clock.tick(0);
  assert.deepEqual(phases(), ['1 draining', '2 ready']);
  get(1).finish();
  await clock.tick(0);
  assert.deepEqual([phases(), set.lastFailure], [['2 ready'], undefined]);
});

test('a replica that waits for its successor leaves when that is not wanted any more', async (t) => {
  const { clock, set, get, phases } = setUp(t);
  void set.start(1);
  get(1).becomeReady();
  await clock.tick(0);
  set.replace(get(1), { kind: 'recycle', why: 'it has had 10 calls' });
  set.setWanted(0);
  assert.deepEqual([phases()[0], get(2).discarded], ['1 draining', true]);
});

test('without room for both the successor is started when the first is gone', async (t) => {
  const { clock, set, get, phases } = setUp(t, false);
  void set.start(1);
  get(1).becomeReady();
  await clock.tick(0);
  set.replace(get(1), { kind: 'recycle', why: 'it has had 10 calls' });
  await clock.tick(0);
  assert.deepEqual(phases(), ['1 draining']);
  get(1).finish();
  await clock.tick(0);
  assert.deepEqual(phases(), ['2 starting']);
});

test('after a fault the replacement waits for the back-off, and is told as the last failure', async (t) => {
  const { clock, set, get, phases } = setUp(t);
  void set.start(1);
  get(1).becomeReady();
  await clock.tick(0);
  set.replace(get(1), { kind: 'fault', why: 'it says that it is broken' });
  assert.deepEqual([phases(), set.lastFailure?.text], [['1 ready'], 'it says that it is broken']);
  await clock.tick(200);
  assert.deepEqual(phases(), ['1 ready', '2 starting']);
});

test('replicas that are replaced for faults one after the other are so ever more seldom', async (t) => {
  const { clock, set, made, get } = setUp(t);
  void set.start(1);
  const pauses: number[] = [];
  for (let count = 1; count <= 6; count++) {
    get(count).becomeReady();
    await clock.tick(0);
    if (count > 1) get(count - 1).finish();
    set.replace(get(count), { kind: 'fault', why: 'it says that it is broken' });
    let waited = 0;
    for (; made.length === count && waited < 40_000; waited += 10) await clock.tick(10);
    assert.equal(made.length, count + 1);
    pauses.push(waited);
  }
  // 50, 100, 200, 400, 800 and 1600 ms, give or take a fifth.
  pauses.forEach((pause, index) => {
    assert.ok(pause >= 40 * 2 ** index && pause <= 60 * 2 ** index + 10, `${pauses}`);
  });
});

test('a condemned replica keeps its place until it is gone', async (t) => {
  const { clock, set, get, phases } = setUp(t);
  void set.start(1);
  get(1).becomeReady();
  await clock.tick(0);
  get(1).phase = 'condemned';
  set.setWanted(1);
  assert.deepEqual(phases(), ['1 condemned']);
  get(1).finish('it was killed');
  await clock.tick(1_000);
  assert.deepEqual(phases(), ['2 starting']);
});

test('of too many those leave that start, then those with the fewest calls, the youngest first', async (t) => {
  const { clock, set, get, phases } = setUp(t);
  void set.start(4);
  const nothing = (): void => undefined;
  for (const id of [1, 2, 3]) {
    get(id).workers = [new FakeWorker({ slotFreed: nothing, callReturned: nothing, callStarted: nothing })];
    get(id).becomeReady();
  }
  get(3).workers[0]?.dispatch(fakeCall(noPool, 'held').call);
  await clock.tick(0);
  set.setWanted(2);
  assert.deepEqual(get(4).discarded && phases().slice(0, 3), ['1 ready', '2 draining', '3 ready']);
});

test('a set that drains starts nothing until more is wanted; one that is stopped never does, and a start that waits is told', async (t) => {
  const { clock, set, get, phases } = setUp(t);
  const started = set.start(1);
  const failed = assert.rejects(started, { code: 'CANCELLED', message: 'the function was stopped while it started' });
  void set.drain(1_000);
  await failed;
  get(1).finish();
  await clock.tick(60_000);
  assert.deepEqual(phases(), []);
  set.setWanted(1);
  assert.deepEqual(phases(), ['2 starting']);
  const stopped = set.stop(1_000);
  get(2).finish();
  await stopped;
  set.setWanted(3);
  await assert.rejects(set.start(1), { code: 'CANCELLED' });
  await clock.tick(60_000);
  assert.deepEqual(phases(), []);
});
