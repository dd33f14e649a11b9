import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ManifestInput } from '@dcf/sdk/manifest';
import { DcfError } from '../../../../src/core/errors.js';
import { releaseOf } from '../../../../src/registry/model/function-record.js';
import { activated, withAlias, withTraffic } from '../../../../src/registry/model/release.js';
import type { Revision } from '../../../../src/registry/model/revision.js';
import { fakeControl, outputIn, stepsIn, warningsIn, watchedProgress } from '../../../support/fake-control.js';
import type { PooledReplica } from '../../../support/fake-function-pool.js';
import { fakeClock } from '../../../support/fake-pool.js';
import { packageOf, upload } from '../../../support/registry.js';

/** A function with one revision, and another that is known and does not run. */
async function setUp(t: TestContext, given: Partial<ManifestInput> = {}) {
  const clock = fakeClock(t);
  const control = await fakeControl(t);
  const { activator, deploy, name, registry, launcher } = control;
  const old = await deploy('old', given);
  const add = async (text: string): Promise<Revision> => {
    const sample = packageOf({ name, ...given }, { text });
    const { revision, missing } = await registry.createRevision(sample);
    await upload(registry, missing, sample);
    return revision;
  };
  const next = await add('next');
  const before = () => {
    const record = registry.get(name);
    return record === undefined ? assert.fail('there is no function') : releaseOf(record);
  };
  /** Makes a revision the active one. */
  const activate = (revision: Revision, progress = watchedProgress()) =>
    activator.change(name, activated(before(), revision.id, 9), [revision.id], progress);
  const failing = (replica: PooledReplica): void => {
    const cause = new Error('no weights');
    replica.failStart(new DcfError('FAILED_PRECONDITION', 'the Handler could not be built: no weights', { cause }));
  };
  /** Asserts that all is as it was before. */
  const assertUnchanged = async (): Promise<void> => {
    await clock.tick(0);
    assert.deepEqual([registry.get(name)?.active.id, control.target()], [old, old]);
    const left = launcher.pools.filter(({ revision }) => revision !== old).map(({ pool }) => pool.snapshot().replicas.length);
    assert.deepEqual(
      left,
      left.map(() => 0),
    );
  };
  return { ...control, clock, old, next, add, before, activate, failing, assertUnchanged };
}

test('calls go by the next release only when all that it names is ready', async (t) => {
  const { clock, launcher, activate, next, old, target, registry, name, call } = await setUp(t);
  let starting: PooledReplica | undefined;
  launcher.onStart = (replica) => {
    starting = replica;
  };
  const progress = watchedProgress();
  const changed = activate(next, progress);
  while (starting === undefined) await clock.tick(0);
  assert.deepEqual([target(), registry.get(name)?.active.id, stepsIn(progress.events)], [old, old, ['prepare']]);
  const held = call('held');
  starting.becomeReady();
  assert.equal((await changed).active.id, next.id);
  assert.deepEqual([target(), registry.get(name)?.active.id], [next.id, next.id]);
  assert.deepEqual(stepsIn(progress.events), ['prepare', 'start', 'switch']);
  launcher.poolOf(old).made[0]?.workers[0]?.answer();
  await clock.tick(0);
  assert.equal(held.ended, 'held', 'what ran before is finished by the old revision');
  assert.equal(launcher.poolOf(old).pool.snapshot().replicas.length, 0);
});

test('a revision that cannot be prepared leaves all as it was, and has no pool', async (t) => {
  const { launcher, activate, next, assertUnchanged } = await setUp(t);
  launcher.onPrepare = () => Promise.reject(new DcfError('FAILED_PRECONDITION', 'the secret KEY is not set'));
  await assert.rejects(activate(next), { code: 'FAILED_PRECONDITION', message: 'the secret KEY is not set' });
  assert.equal(launcher.pools.length, 1);
  await assertUnchanged();
});

test('a Handler that cannot be built leaves all as it was, and its own error is told', async (t) => {
  const { launcher, activate, next, failing, assertUnchanged } = await setUp(t);
  launcher.onStart = failing;
  const progress = watchedProgress();
  await assert.rejects(activate(next, progress), ({ code, cause }: DcfError) => {
    assert.deepEqual([code, cause instanceof Error && cause.message], ['FAILED_PRECONDITION', 'no weights']);
    return true;
  });
  assert.deepEqual(stepsIn(progress.events), ['prepare']);
  await assertUnchanged();
});

test('of several revisions one that cannot be built ends the others, too', async (t) => {
  const { launcher, activator, name, before, next, add, failing, assertUnchanged } = await setUp(t);
  const third = await add('third');
  launcher.onStart = (replica, { id }) => (id === third.id ? failing(replica) : replica.becomeReady());
  const release = withAlias(activated(before(), next.id, 9), 'beta', third.id);
  await assert.rejects(activator.change(name, release, [next.id], watchedProgress()), { code: 'FAILED_PRECONDITION' });
  assert.deepEqual(
    launcher.pools.map(({ made }) => made.length),
    [1, 1, 1],
  );
  await assertUnchanged();
});

test('a client that leaves while replicas start ends them, and all is as it was', async (t) => {
  const { clock, launcher, activate, next, assertUnchanged } = await setUp(t);
  launcher.onStart = () => undefined;
  const progress = watchedProgress();
  const changed = activate(next, progress);
  while (launcher.pools.length < 2) await clock.tick(0);
  progress.abort();
  await assert.rejects(changed, { code: 'CANCELLED' });
  await assertUnchanged();
});

test('a client that has left is noticed before the next step', async (t) => {
  const { launcher, activate, next, assertUnchanged } = await setUp(t);
  const progress = watchedProgress();
  launcher.onPrepare = () => progress.abort();
  await assert.rejects(activate(next, progress), { name: 'AbortError' });
  assert.deepEqual(launcher.poolOf(next.id).made, []);
  await assertUnchanged();
});

test('a release that cannot be written is none: what was started ends', async (t) => {
  const { registry, activate, next, assertUnchanged } = await setUp(t);
  t.mock.method(registry, 'release', () => Promise.reject(new DcfError('RESOURCE_EXHAUSTED', 'the disk is full')));
  await assert.rejects(activate(next), { code: 'RESOURCE_EXHAUSTED' });
  await assertUnchanged();
});

test('what runs already is not started again', async (t) => {
  const { activator, launcher, name, before, old, registry, functions } = await setUp(t);
  const active = functions.get(name).revision.id;
  const progress = watchedProgress();
  await activator.change(name, withAlias(before(), 'prod', active), [active], progress);
  assert.deepEqual([stepsIn(progress.events), launcher.pools.length], [['switch'], 1]);
  assert.deepEqual(registry.get(name)?.aliases, { prod: old });
});

test('a revision that is asked for and takes no calls is started anew, and one that is not asked for is left alone', async (t) => {
  const { clock, activator, launcher, name, before, next, activate, failing, registry, old } = await setUp(t);
  await activate(next);
  const former = registry.get(name)?.revisions.find(({ id }) => id === old) ?? assert.fail('the old revision is gone');
  const shares = [next, former].map(({ id }) => ({ revision: id, percent: 50 }));
  await activator.change(name, withTraffic(before(), shares, undefined, 9), [], watchedProgress());
  launcher.onStart = failing;
  launcher.poolOf(old).made[0]?.kill();
  await clock.tick(0);
  assert.equal(launcher.poolOf(old).pool.available, false);
  const count = launcher.pools.length;
  await activator.change(name, withAlias(before(), 'prod', next.id), [next.id], watchedProgress());
  assert.equal(launcher.pools.length, count);
  launcher.onStart = (replica) => replica.becomeReady();
  await activator.change(name, before(), [former.id], watchedProgress());
  assert.deepEqual([launcher.pools.length, launcher.poolOf(old).pool.available], [count + 1, true]);
});

test('with update: recreate the predecessor ends first; calls wait meanwhile, and the successor answers them', async (t) => {
  const { clock, launcher, activate, next, old, call, target } = await setUp(t, { update: 'recreate' });
  const running = call('running');
  const progress = watchedProgress();
  const phases: string[] = [];
  launcher.onStart = (replica, { id }) => {
    phases.push(`${id} starts while the old one has ${launcher.poolOf(old).pool.snapshot().replicas.length} replicas`);
    replica.becomeReady();
  };
  const changed = activate(next, progress);
  while (stepsIn(progress.events).length === 0) await clock.tick(0);
  const waiting = call('waiting');
  await clock.tick(0);
  assert.deepEqual([target(), phases], [old, []], 'its call is not finished yet');
  launcher.poolOf(old).made[0]?.workers[0]?.answer();
  await changed;
  launcher.poolOf(next.id).made[0]?.workers[0]?.answer('next ');
  assert.deepEqual([running.ended, waiting.ended], ['running', 'next waiting']);
  assert.deepEqual(phases, [`${next.id} starts while the old one has 0 replicas`]);
  assert.deepEqual(stepsIn(progress.events), ['prepare', 'drain', 'start', 'switch']);
});

test('with update: recreate a successor that cannot be built gives way: the predecessor starts again and answers what waited', async (t) => {
  const { clock, launcher, activate, next, old, call, failing, problems } = await setUp(t, { update: 'recreate' });
  launcher.onStart = (replica, { id }) => (id === next.id ? failing(replica) : replica.becomeReady());
  call('running');
  const progress = watchedProgress();
  const changed = activate(next, progress);
  while (stepsIn(progress.events).length === 0) await clock.tick(0);
  const waiting = call('waiting');
  const pool = launcher.poolOf(old);
  pool.made[0]?.workers[0]?.answer();
  await assert.rejects(changed, { code: 'FAILED_PRECONDITION' });
  await clock.tick(0);
  pool.made[1]?.workers[0]?.answer('old ');
  assert.deepEqual([waiting.ended, problems], ['old waiting', []]);
});

test('a predecessor that made room in vain and does not start again is reported', async (t) => {
  const { clock, launcher, activate, next, old, failing, problems, name } = await setUp(t, { update: 'recreate' });
  launcher.onStart = failing;
  await assert.rejects(activate(next), { code: 'FAILED_PRECONDITION' });
  await clock.tick(0);
  assert.deepEqual(problems, [`${name}@${old}: the Handler could not be built: no weights`]);
});

test('what an installer and a Handler that starts print is told, and nothing that comes later', async (t) => {
  const { launcher, activate, next } = await setUp(t);
  const print = (replica: PooledReplica | undefined, text: string): void =>
    replica?.events.log(replica.id, { time: 0, level: 'info', text, callId: '', worker: 0 });
  launcher.onStart = (replica) => {
    print(replica, 'loads the weights');
    replica.becomeReady();
  };
  const progress = watchedProgress();
  await activate(next, progress);
  print(launcher.poolOf(next.id).made[0], 'serves');
  assert.deepEqual(outputIn(progress.events), [`installs ${next.id}`, 'loads the weights']);
});

test('batches that are asked for and a Handler without callBatch: the user is warned', async (t) => {
  const { launcher, activate, next, add } = await setUp(t, { batch: { maxSize: 8 } });
  const [without, having] = [watchedProgress(), watchedProgress()];
  await activate(next, without);
  assert.deepEqual(warningsIn(without.events), ['batch.maxSize is 8, but the Handler has no callBatch: calls run one by one']);
  launcher.onStart = (replica) => {
    for (const worker of replica.workers) worker.takesBatches = true;
    replica.becomeReady();
  };
  await activate(await add('third'), having);
  assert.deepEqual(warningsIn(having.events), []);
});
