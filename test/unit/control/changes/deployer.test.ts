import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { DeployEvent } from '../../../../src/control/changes/deployer.js';
import { wholeRollout } from '../../../../src/control/changes/rollout.js';
import type { Chunk } from '../../../../src/control/changes/upload.js';
import { DcfError } from '../../../../src/core/errors.js';
import { type Deferred, defer } from '../../../../src/core/promises.js';
import { fakeControl, stacksIn, stepsIn, warningsIn } from '../../../support/fake-control.js';
import { fakeClock } from '../../../support/fake-pool.js';
import { assertNoLeftovers, sha256 } from '../../../support/registry.js';

async function* only(...chunks: Chunk[]): AsyncGenerator<Chunk> {
  yield* chunks;
}

/** How many blobs a client was asked for, and the detail of the step that received them. */
function receivedIn(events: readonly DeployEvent[]): unknown[] {
  return events.flatMap((event): unknown[] => {
    if (event.kind === 'missing') return [event.digests.length, event.bytes];
    return event.kind === 'step' && event.name === 'receive' && event.done ? [event.detail] : [];
  });
}

test('a deploy receives what is missing, starts it, and lets calls go there; what it does is told in order', async (t) => {
  const { begin, target, registry, name, launcher } = await fakeControl(t);
  const { events, result } = begin({}, { text: 'one' });
  const { revision, changed } = await result;
  assert.deepEqual([changed, target(), registry.get(name)?.active.id], [true, revision, revision]);
  assert.deepEqual(stepsIn(events), ['receive', 'prepare', 'start', 'switch']);
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'revision'),
    [{ kind: 'revision', id: revision }],
  );
  assert.deepEqual(receivedIn(events), [2, 'export class Handler {}one'.length, '2 of 2 files, 26 B']);
  assert.equal(launcher.pools.length, 1);
});

test('a file that is there already is not asked for again, and what runs already is not started again', async (t) => {
  const { begin, launcher } = await fakeControl(t);
  await begin({}, { text: 'one' }).result;
  const other = begin({}, { text: 'other' });
  await other.result;
  assert.deepEqual(receivedIn(other.events), [1, 5, '1 of 2 files, 5 B']);
  const same = begin({}, { text: 'other' });
  assert.equal((await same.result).changed, false);
  assert.deepEqual([receivedIn(same.events), stepsIn(same.events), launcher.pools.length], [[0, 0, '0 of 2 files, 0 B'], ['receive'], 2]);
});

test('the same again, where its replicas take no calls, starts it anew', async (t) => {
  const clock = fakeClock(t);
  const { begin, launcher } = await fakeControl(t);
  const { revision } = await begin().result;
  const { onStart } = launcher;
  launcher.onStart = (replica) => replica.failStart(new DcfError('FAILED_PRECONDITION', 'no weights'));
  launcher.poolOf(revision).made[0]?.kill();
  await clock.tick(1_000);
  launcher.onStart = onStart;
  assert.equal((await begin().result).changed, true);
  assert.equal(launcher.poolOf(revision).pool.available, true);
});

describe('before anything has begun', () => {
  test('an alias that is none and a manifest that is none are refused', async (t) => {
    const { begin, registry } = await fakeControl(t);
    const rollout = { ...wholeRollout, alias: 'No Name' };
    assert.throws(() => begin({}, {}, { rollout }), { code: 'INVALID_ARGUMENT' });
    assert.throws(() => begin({}, {}, { manifest: '{"name":"digits","replica":{}}' }), { code: 'INVALID_ARGUMENT' });
    assert.deepEqual(registry.list(), []);
  });

  test('a payload over the limit of the daemon is refused where it was asked for, and bounded where it was not', async (t) => {
    const { begin, deploy, launcher } = await fakeControl(t, { maxPayload: 1_000 });
    assert.throws(() => begin({ limits: { payload: 1_001 } }), {
      code: 'FAILED_PRECONDITION',
      message:
        'limits.payload is 1001 bytes, but this daemon accepts inputs only up to 1000; lower it, or start the daemon with a larger --max-payload',
    });
    await deploy('one', { limits: { payload: 1_000 } });
    await deploy('two');
    assert.equal(launcher.pools.length, 2);
  });

  test('a second deploy of a function is refused while one goes on; another function is not', async (t) => {
    const { begin, launcher } = await fakeControl(t);
    const held: Deferred<void> = defer();
    launcher.onPrepare = ({ name }) => (name === 'digits' ? held.promise : undefined);
    const first = begin();
    await assert.rejects(begin({}, { text: 'other' }).result, { code: 'ABORTED', message: /another change of digits is running/ });
    await begin({ name: 'other' }).result;
    held.resolve();
    await first.result;
  });
});

describe('what does not come whole leaves nothing', () => {
  /** A function whose second revision is about to come. */
  async function setUp(t: TestContext) {
    const control = await fakeControl(t);
    const { deploy, registry, name, target } = control;
    const old = await deploy('old');
    const assertUnchanged = async (): Promise<void> => {
      assert.deepEqual([target(), registry.get(name)?.revisions.map(({ id }) => id)], [old, [old]]);
      await assertNoLeftovers(registry.dataDirectory);
    };
    return { ...control, assertUnchanged };
  }

  const stray = sha256('stray');

  test('a blob that nobody asked for, one that is damaged, one that does not come', async (t) => {
    const { begin, assertUnchanged, failures } = await setUp(t);
    for (const [chunks, message] of [
      [only({ sha256: stray, data: Buffer.from('stray') }), /did not ask for the blob/],
      [only({ sha256: 'none', data: Buffer.from('stray') }), /did not ask for the blob "none"/],
      [only({ sha256: sha256('next'), data: Buffer.from('text') }), new RegExp(sha256('next'))],
      [only(), /1 of the missing blobs were not sent, such as/],
    ] as const) {
      await assert.rejects(begin({}, { text: 'next' }, { chunks }).result, { code: 'INVALID_ARGUMENT', message });
      await assertUnchanged();
    }
    assert.deepEqual(failures, [], 'nothing began to start');
  });

  test('a client that leaves', async (t) => {
    const { begin, assertUnchanged, failures } = await setUp(t);
    const leaving = begin({}, { text: 'next' }, { emit: ({ kind }) => kind === 'missing' && leaving.abort() });
    await assert.rejects(leaving.result, { name: 'AbortError' });
    await assertUnchanged();
    assert.deepEqual(failures, [], 'nothing began to start');
  });
});

test('a first deploy that fails leaves nothing but its log, which says why; other old logs go', async (t) => {
  const { begin, launcher, registry, name, failures, sweeps } = await fakeControl(t);
  const cause = new Error('no weights');
  launcher.onStart = (replica) => replica.failStart(new DcfError('FAILED_PRECONDITION', 'not built: no weights', { cause }));
  const { events, result } = begin();
  await assert.rejects(result, { code: 'FAILED_PRECONDITION' });
  const [revision] = events.flatMap((event) => (event.kind === 'revision' ? [event.id] : []));
  assert.match(stacksIn(events).join(), /^Error: no weights\n/);
  assert.deepEqual([failures, sweeps()], [[`${name}@${revision}: not built: no weights`], 1]);
  assert.equal(registry.has(name), false);
  assert.deepEqual(await readdir(join(registry.dataDirectory, 'functions')), []);
});

test('a deploy that fails leaves the revision before, its calls and the logs of others alone', async (t) => {
  const { begin, deploy, launcher, target, registry, name, failures, sweeps, call } = await fakeControl(t);
  const old = await deploy('old');
  const held = call('held');
  launcher.onStart = (replica) => replica.failStart(new DcfError('FAILED_PRECONDITION', 'no weights'));
  await assert.rejects(begin({}, { text: 'next' }).result, { code: 'FAILED_PRECONDITION' });
  launcher.poolOf(old).made[0]?.workers[0]?.answer();
  assert.deepEqual([held.ended, target(), registry.get(name)?.revisions.length], ['held', old, 1]);
  assert.deepEqual([failures.length, sweeps()], [1, 0]);
});

test('calls that wait go over to the new revision, those that run are finished by the old one', async (t) => {
  const clock = fakeClock(t);
  const { deploy, launcher, call } = await fakeControl(t);
  const old = await deploy('old');
  const [running, waiting] = [call('running'), call('waiting')];
  const next = await deploy('next');
  launcher.poolOf(next).made[0]?.workers[0]?.answer('next ');
  launcher.poolOf(old).made[0]?.workers[0]?.answer('old ');
  await clock.tick(0);
  assert.deepEqual([running.ended, waiting.ended], ['old running', 'next waiting']);
  assert.deepEqual(launcher.poolOf(old).pool.snapshot().replicas, []);
});

test('a rollout gives the revision a share of the calls and an alias; the active one keeps the rest', async (t) => {
  const { deploy, target, registry, name } = await fakeControl(t);
  const old = await deploy('old');
  const next = await deploy('next', {}, { traffic: 50, alias: 'beta', maxErrorRate: 5 });
  assert.deepEqual([target(), target()].toSorted(), [old, next].toSorted());
  assert.equal(target('beta'), next);
  assert.deepEqual([registry.get(name)?.active.id, registry.get(name)?.maxErrorRate], [old, 5]);
});

test('a rollout that is not possible as asked is told, and one that is not possible at all is refused', async (t) => {
  const { begin, target, registry, name } = await fakeControl(t);
  const rollout = { alias: undefined, traffic: 10, maxErrorRate: undefined };
  const { events, result } = begin({}, { text: 'one' }, { rollout });
  assert.equal((await result).revision, target());
  assert.match(warningsIn(events).join(), /this is the first deploy of digits/);
  await assert.rejects(begin({ update: 'recreate' }, { text: 'two' }, { rollout }).result, {
    code: 'FAILED_PRECONDITION',
    message: /only one revision runs/,
  });
  assert.equal(registry.get(name)?.revisions.length, 1);
});

test('to deploy again what runs with other bounds gives it those of its manifest', async (t) => {
  const clock = fakeClock(t);
  const { begin, deploy, releaser, launcher, name, registry } = await fakeControl(t);
  const revision = await deploy('one');
  await releaser.scale(name, { min: 3 });
  await clock.tick(0);
  const { pool } = launcher.poolOf(revision);
  assert.equal(pool.snapshot().ready, 3);
  assert.equal((await begin({}, { text: 'one' }).result).changed, true);
  await clock.tick(0);
  assert.deepEqual([registry.get(name)?.scale, pool.snapshot().replicas.length, launcher.pools.length], [{}, 1, 1]);
});

test('why a deploy failed is told, also where what it has stored cannot be removed', async (t) => {
  const { begin, launcher, registry } = await fakeControl(t);
  launcher.onPrepare = () => Promise.reject(new DcfError('FAILED_PRECONDITION', 'no secret'));
  t.mock.method(registry, 'discard', () => Promise.reject(new Error('the disk is read-only')));
  const { events, result } = begin();
  await assert.rejects(result, { code: 'FAILED_PRECONDITION', message: 'no secret' });
  assert.deepEqual(warningsIn(events), ['what the failed deploy has stored could not be removed: the disk is read-only']);
});

test('of old revisions the last five are kept, and one whose calls still run; what cannot be removed is told', async (t) => {
  const clock = fakeClock(t);
  const { begin, deploy, registry, name, call, launcher, functions } = await fakeControl(t, { drainGraceMs: 60_000 });
  const first = await deploy('0');
  call('held');
  const revisions = [first];
  const oldest = registry.get(name)?.active.id ?? assert.fail('there is no function');
  for (let index = 1; index < 7; index++) revisions.push(await deploy(String(index)));
  const kept = () => registry.get(name)?.revisions.map(({ id }) => String(id));
  assert.deepEqual(kept(), [first, ...revisions.slice(2)]);
  launcher.poolOf(first).made[0]?.workers[0]?.answer();
  await clock.tick(0);
  revisions.push(await deploy('7'));
  assert.deepEqual(kept(), revisions.slice(3));
  const counts = [functions.get(name).counters.calls, functions.get(name).countersOf(oldest).calls];
  assert.deepEqual(counts, [1, 0], 'calls of what is gone still count, for the function alone');
  t.mock.method(registry, 'retain', () => Promise.reject(new Error('the disk is full')));
  const { events, result } = begin({}, { text: '8' });
  assert.equal((await result).changed, true);
  assert.deepEqual(warningsIn(events), ['old revisions could not be removed: the disk is full']);
});

describe('a delete', () => {
  test('lets calls finish, and takes the log along', async (t) => {
    const clock = fakeClock(t);
    const { deployer, deploy, launcher, call, name, registry, logs, functions } = await fakeControl(t);
    const revision = await deploy('one');
    logs.add(name);
    const held = call('held');
    const deleted = deployer.delete(name);
    while (functions.find(name) !== undefined) await clock.tick(0);
    assert.throws(() => call('late'), { code: 'NOT_FOUND' });
    assert.equal(registry.has(name), false);
    launcher.poolOf(revision).made[0]?.workers[0]?.answer();
    await deleted;
    assert.deepEqual([held.ended, logs.size], ['held', 0]);
    assert.deepEqual(await readdir(join(registry.dataDirectory, 'functions')), []);
    await assert.rejects(deployer.delete(name), { code: 'NOT_FOUND' });
  });

  test('of a function whose first deploy failed takes its log away', async (t) => {
    const { deployer, name, logs } = await fakeControl(t);
    logs.add(name);
    await deployer.delete(name);
    assert.equal(logs.size, 0);
  });

  test('is refused while another change goes on', async (t) => {
    const { begin, deployer, launcher, name } = await fakeControl(t);
    const held: Deferred<void> = defer();
    launcher.onPrepare = () => held.promise;
    const { result } = begin();
    await assert.rejects(deployer.delete(name), { code: 'ABORTED' });
    held.resolve();
    await result;
  });
});

test('a deploy whose client leaves while its replicas start leaves nothing', async (t) => {
  const clock = fakeClock(t);
  const { begin, launcher, registry, name } = await fakeControl(t);
  launcher.onStart = () => undefined;
  const deploy = begin();
  while (launcher.pools.length === 0) await clock.tick(0);
  deploy.abort();
  await assert.rejects(deploy.result, { code: 'CANCELLED' });
  assert.equal(registry.has(name), false);
  assert.deepEqual(launcher.pools[0]?.pool.snapshot().replicas, []);
});
