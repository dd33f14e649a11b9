import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cleanUp, temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource } from '../support/functions.js';
import { runCli, spawnCli } from '../support/programs.js';
import { stored, storingSource } from '../support/streams.js';

const owner = { after };
const daemon = await startDaemon(owner);
const source = `export class Handler {
  async *call(request: any) {
    for await (const chunk of request.chunks) {
      if (String(chunk) === 'fail') throw new Error('as it was told');
      yield Buffer.from('got ' + chunk);
    }
  }
}`;
await deploySource(owner, daemon, 'talker', source, { callLog: false });

test('--stream sends what is piped as it comes and prints each chunk as it comes', async () => {
  const child = spawnCli(['invoke', 'talker', '--stream', '--report'], { url: daemon.url });
  cleanUp(owner, () => void child.kill('SIGKILL'));
  let report = '';
  child.stderr.on('data', (data: Buffer) => {
    report += data;
  });
  for (const word of ['one', 'two']) {
    child.stdin.write(word);
    const [answer] = await once(child.stdout, 'data');
    assert.equal(String(answer), `got ${word}`);
  }
  child.stdin.end();
  await once(child, 'close');
  assert.equal(child.exitCode, 0);
  assert.match(report, /status: +OK\n/);
});

test('--stream takes a file or a text, too, and writes to a file', async () => {
  const folder = await temporaryDirectory(owner);
  const [input, output] = [join(folder, 'input'), join(folder, 'output')];
  await writeFile(input, 'text');
  const written = await runCli(['invoke', 'talker', '--stream', '--input', input, '--output', output], { url: daemon.url });
  assert.deepEqual([written.code, written.stdout, await readFile(output, 'utf8')], [0, '', 'got text']);
  assert.equal((await runCli(['invoke', 'talker', '--stream', '--data', 'all'], { url: daemon.url })).stdout, 'got all');
});

test('a stream that fails is 1, bad usage is 2, and each says why', async () => {
  const failed = await runCli(['invoke', 'talker', '--stream', '--data', 'fail'], { url: daemon.url });
  assert.deepEqual([failed.code, failed.stdout], [1, '']);
  assert.match(failed.stderr, /talker: UNKNOWN: as it was told/);
  const missing = await runCli(['invoke', 'talker', '--stream', '--input', '/nonexistent/input'], { url: daemon.url });
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /--input \/nonexistent\/input cannot be read/);
  const folder = await runCli(['invoke', 'talker', '--stream', '--input', '/'], { url: daemon.url });
  assert.deepEqual([folder.code, folder.stderr], [2, 'dcf: --input / cannot be read: it is a folder\n']);
  assert.equal((await runCli(['invoke', 'talker', '--stream', '--json'], { url: daemon.url })).code, 2);
});

test('a stream whose output a full disk does not take is 1 and says so', {
  skip: existsSync('/dev/full') ? false : 'needs /dev/full',
}, async () => {
  const full = await runCli(['invoke', 'talker', '--stream', '--data', 'x', '--output', '/dev/full'], { url: daemon.url });
  assert.deepEqual([full.code, full.stderr], [1, 'dcf: --output /dev/full cannot be written: no space is left on the device (ENOSPC)\n']);
});

test('Ctrl-C cancels the call, though stdin stays open: its input does not look whole', async () => {
  await deploySource(owner, daemon, 'listening', storingSource, { callLog: false });
  const child = spawnCli(['invoke', 'listening', '--stream', '--input', '-'], { url: daemon.url });
  cleanUp(owner, () => void child.kill('SIGKILL'));
  child.stdin.write('one');
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  await once(child, 'exit');
  assert.equal(child.exitCode, 130);
  assert.equal(await stored(daemon, 'listening'), 'CANCELLED');
});
