import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, logOf } from '../support/functions.js';
import { call, deployNesting, follow, nestingSource } from '../support/nesting.js';
import { eventually } from '../support/processes.js';
import { refusal } from '../support/refusal.js';

const answer = { do: 'answer', text: 'here' } as const;

test('deploys and rollbacks of the function that others call fail none of their calls', async (t) => {
  const daemon = await startDaemon(t);
  await deployNesting(t, daemon, ['a', 'b'], { concurrency: 4 });
  let over = false;
  let calls = 0;
  const load = Array.from({ length: 4 }, async () => {
    while (!over) {
      assert.equal(await follow(daemon, 'a', call('b', answer)), 'here');
      calls += 1;
    }
  });
  try {
    for (let version = 0; version < 3; version++) {
      await deploySource(t, daemon, 'b', `${nestingSource}\n// ${version}`, { concurrency: 4 });
      const before = calls;
      await eventually('calls go on', () => calls > before + 10);
    }
    await daemon.control.rollback('b');
    const before = calls;
    await eventually('calls go on', () => calls > before + 10);
  } finally {
    over = true;
    await Promise.all(load);
  }
});

test('a function that is deleted is not found any more, by Handlers either; what it ran for them is finished', async (t) => {
  const daemon = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  await deployNesting(t, daemon, ['a', 'b'], { concurrency: 2 });
  const running = follow(daemon, 'a', call('b', { do: 'wait', flag }), { requestId: 'runs' });
  await eventually('it runs', async () => (await logOf(daemon, 'b', 'runs')).includes('waits'));
  const deleted = daemon.control.delete('b');
  await eventually('it is gone', async () => (await daemon.control.list()).every(({ name }) => name !== 'b'));
  assert.equal((await refusal(follow(daemon, 'a', call('b', answer)))).code, 'NOT_FOUND');
  await writeFile(flag, '');
  assert.equal(await running, 'waited');
  await deleted;
});

test('a daemon that shuts down serves the nested calls of what it has accepted, also of functions that have nothing to do', async (t) => {
  const daemon = await startDaemon(t);
  const flag = join(await temporaryDirectory(t), 'flag');
  await deployNesting(t, daemon, ['a', 'b', 'c']);
  const calls = [call('b', { do: 'wait', flag }), call('c', answer), call('b', answer), call('c', { do: 'about' })];
  const codes = follow(daemon, 'a', { do: 'sequence', calls }, { requestId: 'last' });
  await eventually('it runs', async () => (await logOf(daemon, 'b', 'last')).includes('waits'));
  process.kill(daemon.pid, 'SIGTERM');
  await eventually('it takes nothing new', async () => (await fetch(`${daemon.http}/readyz`)).status === 503);
  const refused = await fetch(`${daemon.http}/functions/c`, { method: 'POST', body: JSON.stringify(answer) });
  assert.equal(refused.status, 503);
  await writeFile(flag, '');
  assert.deepEqual(JSON.parse(await codes), ['OK', 'OK', 'OK', 'OK']);
  assert.equal(await daemon.ended, 0);
});
