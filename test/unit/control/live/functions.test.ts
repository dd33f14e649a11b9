import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DcfError } from '../../../../src/core/errors.js';
import { type Deferred, defer } from '../../../../src/core/promises.js';
import { fakeControl, watchedProgress } from '../../../support/fake-control.js';
import { fakeClock } from '../../../support/fake-pool.js';

describe('a daemon that starts again', () => {
  test('starts each revision that gets calls, and reports those that do not come back; none stops another', async (t) => {
    const { deploy, functions, registry, launcher, problems, name, target } = await fakeControl(t);
    const old = await deploy('old');
    const next = await deploy('next', {}, { traffic: 50 });
    await deploy('third', { name: 'other' });
    for (const { name: deployed } of registry.list()) await functions.remove(deployed);
    launcher.onPrepare = ({ id }) => (id === next ? Promise.reject(new DcfError('FAILED_PRECONDITION', 'no secret')) : undefined);
    await functions.restore(registry.list());
    assert.deepEqual(problems, [`${name}@${next}: no secret`]);
    assert.deepEqual([target(), target(), target(old)], [old, old, old]);
    assert.throws(() => target(next), { code: 'FAILED_PRECONDITION', message: 'digits is not ready: no secret' });
    assert.deepEqual(
      functions.list().map((live) => [live.name, live.isAvailable(live.revision.id)]),
      [
        ['digits', true],
        ['other', true],
      ],
    );
  });

  test('takes calls of a function that may rest, and starts nothing for it before the first', async (t) => {
    const clock = fakeClock(t);
    const { deploy, functions, registry, launcher, name, call, target } = await fakeControl(t);
    const revision = await deploy('one', { replicas: { min: 0 } });
    await functions.remove(name);
    await functions.restore(registry.list());
    assert.deepEqual([target(), launcher.poolOf(revision).made.length], [revision, 0]);
    const first = call('first');
    await clock.tick(0);
    launcher.poolOf(revision).made[0]?.workers[0]?.answer();
    assert.equal(first.ended, 'first');
  });

  test('refuses calls of a function that is being prepared, and leaves it to a deploy that comes meanwhile', async (t) => {
    const { deploy, functions, registry, launcher, name, target, problems } = await fakeControl(t);
    await deploy('old');
    await functions.remove(name);
    const held: Deferred<void> = defer();
    launcher.onPrepare = () => held.promise;
    const restored = functions.restore(registry.list());
    assert.throws(() => target(), { code: 'UNAVAILABLE', message: 'digits is being started' });
    launcher.onPrepare = () => undefined;
    const next = await deploy('next');
    held.reject(new Error('too late'));
    await restored;
    assert.deepEqual([target(), problems], [next, []]);
  });
});

describe('a revision that was active before', () => {
  test('stays ready for a rollback, which then starts nothing, until its time is over', async (t) => {
    const clock = fakeClock(t);
    const { deploy, releaser, launcher, name, target, functions } = await fakeControl(t, { keepWarmMs: 5_000 });
    const [old, next] = [await deploy('old'), await deploy('next')];
    const ready = (revision: string) => launcher.poolOf(revision).pool.snapshot().ready;
    assert.deepEqual([ready(old), functions.get(name).warm?.revision.id], [1, old]);
    await releaser.rollback(name, undefined, watchedProgress());
    assert.deepEqual([target(), launcher.pools.length, ready(next), functions.get(name).warm?.revision.id], [old, 2, 1, next]);
    await clock.tick(4_950);
    assert.equal(ready(next), 1);
    await clock.tick(50);
    assert.deepEqual([ready(next), functions.get(name).warm], [0, undefined]);
  });

  test('makes room for the next one that was, and for a change that leaves no room', async (t) => {
    const clock = fakeClock(t);
    const { deploy, launcher, functions, name } = await fakeControl(t, { keepWarmMs: 60_000 });
    const [first, second] = [await deploy('1'), await deploy('2')];
    await deploy('3');
    await clock.tick(0);
    const replicas = (revision: string) => launcher.poolOf(revision).pool.snapshot().replicas.length;
    assert.deepEqual([replicas(first), replicas(second)], [0, 1]);
    const fourth = await deploy('4', { update: 'recreate' });
    await clock.tick(0);
    assert.deepEqual([replicas(second), replicas(fourth), functions.get(name).warm], [0, 1, undefined]);
  });
});

describe('a daemon that stops', () => {
  test('lets calls finish, and calls that their Handlers make meanwhile', async (t) => {
    const clock = fakeClock(t);
    const { deploy, functions, launcher, call } = await fakeControl(t);
    const revision = await deploy('one', { concurrency: 2 });
    const held = call('held');
    const stopped = functions.stop(10_000);
    await clock.tick(0);
    const later = call('later');
    const [replica] = launcher.poolOf(revision).made;
    replica?.workers[0]?.answer();
    await clock.tick(0);
    assert.equal(replica?.phase, 'ready', 'the later call runs');
    replica?.workers[0]?.answer();
    await stopped;
    assert.deepEqual([held.ended, later.ended, replica?.phase], ['held', 'later', 'ended']);
  });

  test('kills what has not finished within the grace', async (t) => {
    const clock = fakeClock(t);
    const { deploy, functions, call } = await fakeControl(t);
    await deploy('one');
    const held = call('held');
    let stopped = false;
    const stopping = functions.stop(500).then(() => {
      stopped = true;
    });
    await clock.tick(495);
    assert.deepEqual([held.ended, stopped], [undefined, false]);
    await clock.tick(50);
    await stopping;
    assert.match(held.ended ?? '', /^INTERNAL /);
  });

  test('gives up a function that is being prepared, and makes no pool for it afterwards', async (t) => {
    const { deploy, functions, registry, launcher, name, problems } = await fakeControl(t);
    await deploy('one');
    await functions.remove(name);
    const held: Deferred<void> = defer();
    let aborted = false;
    launcher.onPrepare = (_revision, signal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return held.promise;
    };
    const restored = functions.restore(registry.list());
    await functions.stop(1_000);
    held.resolve();
    await restored;
    assert.deepEqual([aborted, launcher.pools.length, problems], [true, 1, []]);
  });

  test('ends the replicas of a deploy that switched calls to them meanwhile', async (t) => {
    const { deploy, functions, launcher, call } = await fakeControl(t);
    const old = await deploy('old');
    const held = call('held');
    const stopped = functions.stop(10_000);
    const next = await deploy('next');
    launcher.poolOf(old).made[0]?.workers[0]?.answer();
    await stopped;
    assert.deepEqual([held.ended, launcher.poolOf(next).made.map(({ phase }) => phase)], ['held', ['ended']]);
  });
});
