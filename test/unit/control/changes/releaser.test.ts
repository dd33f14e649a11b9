import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { DcfError } from '../../../../src/core/errors.js';
import { type Deferred, defer } from '../../../../src/core/promises.js';
import { fakeControl, stacksIn, stepsIn, watchedProgress } from '../../../support/fake-control.js';
import { fakeClock } from '../../../support/fake-pool.js';

/** A function of three revisions, the last of which is active. */
async function setUp(t: TestContext) {
  const clock = fakeClock(t);
  const control = await fakeControl(t);
  const [first, second, third] = [await control.deploy('1'), await control.deploy('2'), await control.deploy('3')];
  const { registry, name, target } = control;
  const record = () => registry.get(name) ?? assert.fail('there is no function');
  /** Where so many calls go that name no revision. */
  const targets = (count: number): string[] => Array.from({ length: count }, () => target());
  return { ...control, clock, first, second, third, record, targets };
}

describe('a rollback', () => {
  test('goes to the revision that was active before, and a second one forward again', async (t) => {
    const { releaser, name, target, second, third } = await setUp(t);
    const rollback = () => releaser.rollback(name, undefined, watchedProgress());
    assert.deepEqual(await rollback(), { function: name, revision: second, changed: true });
    assert.equal(target(), second);
    assert.equal((await rollback()).revision, third);
    assert.equal(target(), third);
  });

  test('goes to the revision, or the alias, that is named; to the active one it changes nothing', async (t) => {
    const { releaser, name, target, first, second, launcher } = await setUp(t);
    await releaser.setAlias(name, 'stable', first, watchedProgress());
    assert.equal((await releaser.rollback(name, 'stable', watchedProgress())).revision, first);
    assert.equal(target(), first);
    await releaser.rollback(name, second, watchedProgress());
    const count = launcher.pools.length;
    const progress = watchedProgress();
    assert.deepEqual(await releaser.rollback(name, second, progress), { function: name, revision: second, changed: false });
    assert.deepEqual([progress.events, launcher.pools.length], [[], count]);
  });

  test('to the active revision that takes no calls starts it anew', async (t) => {
    const { clock, releaser, name, third, launcher } = await setUp(t);
    const { onStart } = launcher;
    launcher.onStart = (replica) => replica.failStart(new DcfError('FAILED_PRECONDITION', 'no weights'));
    launcher.poolOf(third).made[0]?.kill();
    await clock.tick(1_000);
    launcher.onStart = onStart;
    assert.equal((await releaser.rollback(name, third, watchedProgress())).changed, true);
    assert.equal(launcher.poolOf(third).pool.available, true);
  });

  test('is refused where there is nothing to go back to, or no such revision', async (t) => {
    const { releaser, deploy, name } = await fakeControl(t);
    const only = await deploy('1');
    const refused = (to: string | undefined) => releaser.rollback(name, to, watchedProgress());
    await assert.rejects(refused(undefined), { code: 'FAILED_PRECONDITION', message: new RegExp(`${only} is the only revision`) });
    for (const to of ['prod', '0123456789abcdef', 'no such', 'constructor'])
      await assert.rejects(refused(to), { code: 'NOT_FOUND', message: new RegExp(`^digits has no revision and no alias "${to}"`) });
  });

  test('that fails tells the Handler’s own stack, and leaves all as it was', async (t) => {
    const { releaser, name, target, third, record, launcher } = await setUp(t);
    const cause = new Error('no weights');
    launcher.onStart = (replica) => replica.failStart(new DcfError('FAILED_PRECONDITION', 'not built', { cause }));
    const progress = watchedProgress();
    await assert.rejects(releaser.rollback(name, undefined, progress), { code: 'FAILED_PRECONDITION' });
    assert.match(stacksIn(progress.events).join(), /^Error: no weights\n/);
    assert.deepEqual([target(), record().active.id], [third, third]);
  });
});

describe('an alias', () => {
  test('has the revision run that it names, until it is taken away', async (t) => {
    const { clock, releaser, name, first, target, launcher, record } = await setUp(t);
    assert.throws(() => target(first), { code: 'NOT_FOUND' });
    const progress = watchedProgress();
    assert.equal((await releaser.setAlias(name, 'prod', first, progress)).changed, true);
    assert.deepEqual(stepsIn(progress.events), ['prepare', 'start', 'switch']);
    assert.deepEqual([target('prod'), target(first)], [first, first]);
    assert.equal((await releaser.setAlias(name, 'prod', first, watchedProgress())).changed, false);
    await releaser.setAlias(name, 'prod', undefined, watchedProgress());
    await clock.tick(0);
    assert.deepEqual([record().aliases, launcher.poolOf(first).pool.snapshot().replicas.length], [{}, 0]);
    assert.throws(() => target('prod'), { code: 'NOT_FOUND' });
  });

  test('is refused with a name that is none, for what is not there, and where there is none to take away', async (t) => {
    const { releaser, name, first } = await setUp(t);
    await assert.rejects(releaser.setAlias(name, 'No Name', first, watchedProgress()), { code: 'INVALID_ARGUMENT' });
    await assert.rejects(releaser.setAlias(name, 'prod', 'beta', watchedProgress()), { code: 'NOT_FOUND' });
    await assert.rejects(releaser.setAlias(name, 'prod', undefined, watchedProgress()), {
      code: 'NOT_FOUND',
      message: 'digits has no alias prod',
    });
  });
});

describe('a traffic change', () => {
  test('deals the calls out by its shares, which may name aliases, and starts what gets any', async (t) => {
    const { releaser, name, first, second, third, targets, launcher } = await setUp(t);
    await releaser.setAlias(name, 'old', second, watchedProgress());
    const count = launcher.pools.length;
    const shares = [
      { target: third, percent: 50 },
      { target: 'old', percent: 50 },
      { target: first, percent: 0 },
    ];
    const set = () => releaser.setTraffic(name, shares, undefined, watchedProgress());
    assert.equal((await set()).changed, true);
    assert.equal(launcher.pools.length, count, 'the one runs already, and the other gets no calls');
    assert.equal((await set()).changed, false);
    assert.deepEqual(targets(4).toSorted(), [second, second, third, third].toSorted());
  });

  test('is refused where the shares are wrong', async (t) => {
    const { releaser, name, second, third, target } = await setUp(t);
    const set = (percents: readonly [string, number][], maxErrorRate?: number) =>
      releaser.setTraffic(
        name,
        percents.map(([to, percent]) => ({ target: to, percent })),
        maxErrorRate,
        watchedProgress(),
      );
    const halves: [string, number][] = [
      [third, 50],
      [second, 50],
    ];
    await assert.rejects(set([[third, 50]]), { code: 'INVALID_ARGUMENT', message: /sum up to 50 percent/ });
    await assert.rejects(set([...halves, ['beta', 0]]), { code: 'NOT_FOUND' });
    await assert.rejects(set(halves, 100), { code: 'INVALID_ARGUMENT', message: /the largest error rate is 100/ });
    assert.equal(target(), third);
  });
});

describe('a scale change', () => {
  test('gives the active revision other bounds, on disk and in its pool; one bound takes the other along', async (t) => {
    const { clock, releaser, name, third, record, launcher } = await setUp(t);
    const { pool } = launcher.poolOf(third);
    const seen: unknown[] = [];
    for (const given of [{ min: 3 }, { max: 2 }, { min: 0, max: 5 }, { min: 1 }, {}]) {
      const scale = await releaser.scale(name, given);
      await clock.tick(0);
      assert.deepEqual(record().scale, { [third]: scale });
      seen.push([scale.min, scale.max, pool.snapshot().wanted]);
    }
    assert.deepEqual(seen, [
      [3, 3, 3],
      [2, 2, 2],
      [0, 5, 2],
      [1, 5, 2],
      [1, 5, 2],
    ]);
  });

  test('is refused outside what is possible', async (t) => {
    const { releaser, name, record } = await setUp(t);
    for (const given of [{ max: 0 }, { min: -1 }, { min: 1.5 }, { min: 2, max: 1 }, { max: 1_025 }, { min: Number.NaN }])
      await assert.rejects(releaser.scale(name, given), { code: 'INVALID_ARGUMENT', message: /replicas are not possible/ });
    assert.deepEqual(record().scale, {});
  });
});

describe('a canary that failed too often', () => {
  const count = { calls: 20, errors: 3 };

  async function split(t: TestContext, maxErrorRate: number | undefined = 5) {
    const tested = await setUp(t);
    const { releaser, name, second, third } = tested;
    const shares = [
      { target: third, percent: 90 },
      { target: second, percent: 10 },
    ];
    await releaser.setTraffic(name, shares, maxErrorRate, watchedProgress());
    const [canary] = tested.record().traffic.filter(({ revision }) => revision === second);
    return { ...tested, canary: canary?.revision ?? assert.fail('no canary'), active: tested.record().active.id };
  }

  test('loses its share, and it is kept why', async (t) => {
    const { releaser, name, canary, record, targets, third } = await split(t);
    assert.equal(await releaser.stopCanary(name, canary, count), true);
    const { traffic, canaryStop, maxErrorRate } = record();
    assert.deepEqual([traffic, maxErrorRate], [[], undefined]);
    assert.deepEqual({ ...canaryStop, at: 0 }, { revision: canary, at: 0, ...count, maxErrorRate: 5 });
    assert.deepEqual(new Set(targets(20)), new Set([third]));
  });

  test('is left alone where the traffic has changed meanwhile, where it is the active one, and where there is no limit', async (t) => {
    const { releaser, name, canary, active, record, first, third } = await split(t);
    assert.equal(await releaser.stopCanary(name, active, count), false);
    const others = [
      { target: third, percent: 90 },
      { target: first, percent: 10 },
    ];
    await releaser.setTraffic(name, others, 5, watchedProgress());
    assert.equal(await releaser.stopCanary(name, canary, count), false);
    await releaser.rollback(name, undefined, watchedProgress());
    assert.equal(await releaser.stopCanary(name, canary, count), false);
    assert.equal(record().canaryStop, undefined);
  });

  test('waits for the change that is under way', async (t) => {
    const { clock, releaser, name, canary, launcher, begin } = await split(t);
    const held: Deferred<void> = defer();
    launcher.onPrepare = () => held.promise;
    const { result } = begin({}, { text: '4' }, { rollout: { alias: 'next', traffic: 0, maxErrorRate: undefined } });
    const stopped = releaser.stopCanary(name, canary, count);
    let ended = false;
    void stopped.then(() => {
      ended = true;
    });
    await clock.tick(10);
    assert.equal(ended, false);
    held.resolve();
    await result;
    assert.equal(await stopped, true);
  });
});

test('a second change of a function is refused while one is under way; others go on', async (t) => {
  const { releaser, name, launcher, first } = await setUp(t);
  const held: Deferred<void> = defer();
  launcher.onPrepare = () => held.promise;
  const rollback = releaser.rollback(name, undefined, watchedProgress());
  await assert.rejects(releaser.setAlias(name, 'prod', first, watchedProgress()), { code: 'ABORTED' });
  await assert.rejects(releaser.scale(name, { min: 2 }), { code: 'ABORTED' });
  held.resolve();
  await rollback;
});

test('what is not deployed cannot be changed', async (t) => {
  const { releaser, name } = await fakeControl(t);
  const missing = { code: 'NOT_FOUND', message: 'there is no function digits' };
  await assert.rejects(releaser.rollback(name, undefined, watchedProgress()), missing);
  await assert.rejects(releaser.setAlias(name, 'prod', 'beta', watchedProgress()), missing);
  await assert.rejects(releaser.setTraffic(name, [], undefined, watchedProgress()), missing);
  await assert.rejects(releaser.scale(name, { min: 1 }), missing);
});
