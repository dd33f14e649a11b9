import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, logOf } from '../support/functions.js';
import { call, deployNesting, follow, nestingSource, through } from '../support/nesting.js';
import { eventually } from '../support/processes.js';
import { refusal } from '../support/refusal.js';

// A call that waits for itself would end by its deadline alone, after 30 seconds, and with another code.

const answer = { do: 'answer', text: 'here' } as const;

async function replicasOf(daemon: TestDaemon, name: string): Promise<number> {
  return (await daemon.control.describe(name)).replicas.length;
}

test('a function that calls itself needs a slot for that: without one it is told at once', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a']);
  const error = await refusal(follow(daemon, 'a', call('a', answer)));
  assert.equal(error.code, 'ABORTED');
  assert.match(error.message, /^a: deadlock: every slot is held by a call that waits, .*\(a waits for a\); give a more slots/);
  assert.equal(await follow(daemon, 'a', answer), 'here');
  await deployNesting(t, daemon, ['a'], { concurrency: 2 });
  assert.equal(await follow(daemon, 'a', call('a', answer)), 'here');
  assert.equal((await refusal(follow(daemon, 'a', through(['a', 'a'], answer)))).code, 'ABORTED');
  await deployNesting(t, daemon, ['a'], { threads: 2 });
  assert.equal(await follow(daemon, 'a', call('a', answer)), 'here');
});

test('where a nested call can only wait for a replica that the load does not ask for, one is started', async (t) => {
  const daemon = await startDaemon(t);
  // By the load alone, eight calls fit one replica.
  await deployNesting(t, daemon, ['a'], { replicas: { min: 1, max: 3 }, batch: { maxSize: 8 } });
  assert.equal(await follow(daemon, 'a', through(['a', 'a'], answer)), 'here');
  assert.equal(await replicasOf(daemon, 'a'), 3);
  assert.equal((await refusal(follow(daemon, 'a', through(['a', 'a', 'a'], answer)))).code, 'ABORTED');
});

test('a circle of three functions is seen, and said', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a', 'b', 'c']);
  const error = await refusal(follow(daemon, 'a', through(['b', 'c', 'a'], answer)));
  assert.equal(error.code, 'ABORTED');
  assert.match(error.message, /^b: c: a: deadlock: every slot is held/);
  for (const wait of ['a waits for b', 'b waits for c', 'c waits for a']) assert.ok(error.message.includes(wait), error.message);
  for (const name of ['a', 'b', 'c']) assert.equal(await follow(daemon, name, answer), 'here');
});

test('a chain of seventeen calls is refused, and shown', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a', 'b'], { concurrency: 16 });
  const names = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? 'b' : 'a'));
  assert.equal(await follow(daemon, 'a', through(names.slice(1), answer)), 'here');
  const error = await refusal(follow(daemon, 'a', through(names, answer)));
  assert.equal(error.code, 'FAILED_PRECONDITION');
  assert.match(error.message, /go 16 deep at most.*: (a → b → ){8}a$/);
});

test('two functions of one slot each that call each other under load: every call ends, and none by its deadline', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a', 'b']);
  const pairs = [
    ['a', 'b'],
    ['b', 'a'],
  ] as const;
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const [from, to] = pairs[index % 2] ?? pairs[0];
      return await follow(daemon, from, call(to, answer)).catch((error: { code: string }) => error.code);
    }),
  );
  assert.deepEqual(
    outcomes.filter((outcome) => outcome !== 'here' && outcome !== 'ABORTED'),
    [],
  );
  for (const [from, to] of pairs) assert.equal(await follow(daemon, from, call(to, answer)), 'here');
  for (const name of ['a', 'b']) {
    const { running, queued } = await daemon.control.describe(name);
    assert.deepEqual([running, queued], [0, 0]);
  }
});

test('a deadlock that arises only when another call is answered is seen, also while the function is replaced', async (t) => {
  const daemon = await startDaemon(t);
  const folder = await temporaryDirectory(t);
  await deployNesting(t, daemon, ['b'], { concurrency: 2 });
  await deployNesting(t, daemon, ['a'], { update: 'recreate' });
  const both = (flag: string) => ({ do: 'all', calls: [call('b', { do: 'wait', flag }), call('a', answer)] }) as const;
  for (const deploys of [false, true]) {
    const flag = join(folder, String(deploys));
    const requestId = `both-${deploys}`;
    const codes = follow(daemon, 'a', both(flag), { requestId });
    await eventually('one call runs', async () => (await logOf(daemon, 'b', requestId)).includes('waits'));
    await eventually('the other waits', async () => (await daemon.control.describe('a')).queued === 1);
    const steps: string[] = [];
    const deployed = deploys
      ? deploySource(t, daemon, 'a', `${nestingSource}\n// again`, {
          update: 'recreate',
          onProgress: (step) => void steps.push(JSON.stringify(step)),
        })
      : undefined;
    if (deploys) await eventually('the replica is to end', () => steps.some((step) => step.includes('drain')));
    await writeFile(flag, '');
    assert.deepEqual(JSON.parse(await codes), ['OK', 'ABORTED']);
    await deployed;
    assert.equal(await follow(daemon, 'a', answer), 'here');
  }
});
