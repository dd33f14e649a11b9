import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { cleanUp } from '../support/cleanup.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, writeFunction } from '../support/functions.js';
import { spawnCli } from '../support/programs.js';

const source = `export class Handler {
  init() { console.log('built'); }
  async *call() { yield 'first'; await new Promise(() => undefined); }
}`;

/** A command that goes on until something ends it. */
interface Running {
  /** Resolves with the next line of stdout or stderr. */
  next: () => Promise<string>;
  /** Resolves with its exit code and what it told on stderr. */
  ended: Promise<{ code: number | null; stderr: string }>;
}

function running(t: TestContext, daemon: TestDaemon, args: readonly string[], from: 'stdout' | 'stderr' = 'stdout'): Running {
  const child = spawnCli(args, { url: daemon.url });
  cleanUp(t, () => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child[from] })[Symbol.asyncIterator]();
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr += data;
  });
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stderr }));
  return { next: async () => String((await lines.next()).value), ended };
}

async function following(t: TestContext, daemon: TestDaemon): Promise<Running> {
  const logs = running(t, daemon, ['logs', 'talker', '--follow']);
  assert.match(await logs.next(), /built$/);
  return logs;
}

test('a log that is followed: a function that is deleted and a daemon that goes are failures with a word', async (t) => {
  for (const [how, expected] of [
    ['delete', /^dcf: talker: NOT_FOUND: the function talker was deleted, and its log with it\n/],
    [
      'SIGTERM',
      /^dcf: talker: UNAVAILABLE: the daemon is stopping\nNo more entries come from 127\.0\.0\.1:\d+\. .* --since \d{4}-.*Z --follow\n$/,
    ],
    ['SIGKILL', /^dcf: talker: UNAVAILABLE: the connection to the DCF daemon at \S+ broke .*: later entries are missing\nNo more entries/],
  ] as const) {
    const daemon = await startDaemon(t);
    await deploySource(t, daemon, 'talker', source);
    const { ended } = await following(t, daemon);
    if (how === 'delete') await daemon.control.delete('talker');
    else await daemon.stop(how);
    const { code, stderr } = await ended;
    assert.equal(code, 1, how);
    assert.match(stderr, expected);
  }
});

test('--tail 0 is nothing of before; with --follow only what comes', async (t) => {
  const daemon = await startDaemon(t);
  await deploySource(t, daemon, 'talker', 'export class Handler { call(request: any) { console.log(request.text()); return ""; } }', {
    callLog: false,
  });
  await daemon.client.invoke('talker', 'before');
  const none = spawnCli(['logs', 'talker', '--tail', '0'], { url: daemon.url });
  assert.equal(await text(none.stdout), '');
  const logs = running(t, daemon, ['logs', 'talker', '--follow', '--tail', '0']);
  // Nothing tells when the daemon has begun to follow.
  const repeated = setInterval(() => void daemon.client.invoke('talker', 'after').catch(() => undefined), 250);
  cleanUp(t, () => clearInterval(repeated));
  assert.match(await logs.next(), /after$/);
});

test('a streamed call and a deploy that a daemon leaves in the middle are failures with a word', async (t) => {
  const daemon = await startDaemon(t);
  await deploySource(t, daemon, 'talker', source);
  const stream = spawnCli(['invoke', 'talker', '--stream', '--data', 'x'], { url: daemon.url });
  cleanUp(t, () => void stream.kill('SIGKILL'));
  const told = text(stream.stderr);
  const exited = once(stream, 'exit');
  assert.equal(String((await once(stream.stdout, 'data'))[0]), 'first');
  const slow = 'export class Handler { async init() { await new Promise(() => undefined); } call() {} }';
  const folder = await writeFunction(t, { name: 'slow' }, { 'handler.ts': slow });
  const deploy = running(t, daemon, ['deploy', folder], 'stderr');
  for (let line = ''; !line.startsWith('prepare'); line = await deploy.next());
  await daemon.stop('SIGKILL');
  await exited;
  assert.equal(stream.exitCode, 1);
  assert.match(await told, /^dcf: talker: UNAVAILABLE: the connection to the DCF daemon at \S+ broke/);
  const { code, stderr } = await deploy.ended;
  assert.equal(code, 1);
  assert.match(stderr, /dcf: slow: UNAVAILABLE: the connection .* broke .*the deploy may have succeeded/);
});
