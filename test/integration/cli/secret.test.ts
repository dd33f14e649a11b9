import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { dcf, finish, start } from './command-line.js';
import { FakeDaemon } from './fake-daemon.js';

test('secret set: the value from stdin or a file, byte for byte, and who runs on with the one before', { timeout: 300_000 }, async (t) => {
  const daemon = await FakeDaemon.start(t);
  const env = { DCF_URL: daemon.url };
  const cwd = await temporaryDirectory(t);
  const first = await dcf(['secret', 'set', 'API_KEY'], { env, input: 'from stdin\n' });
  assert.deepEqual(
    [first.code, first.stdout, first.stderr],
    [0, 'API_KEY is set for every function; replicas that start from now on get it\n', ''],
  );
  assert.deepEqual(daemon.secrets.get('API_KEY'), { value: 'from stdin\n', function: '' });
  await writeFile(join(cwd, 'key'), 'from a file');
  const second = await dcf(['secret', 'set', 'API_KEY', '--function', 'hello', '--input', 'key'], { env, cwd });
  assert.equal(
    second.stdout,
    'API_KEY is set for hello; replicas that start from now on get it\n' +
      'hello still runs with the value before: deploy it again to replace the replicas\n',
  );
  assert.deepEqual(daemon.secrets.get('API_KEY'), { value: 'from a file', function: 'hello' });
});

test('secret set reads no further than a secret may be long', { timeout: 300_000 }, async (t) => {
  const daemon = await FakeDaemon.start(t);
  const env = { DCF_URL: daemon.url };
  const cwd = await temporaryDirectory(t);
  const tooLong = 'dcf: the value of LARGE is too long: a secret may have 64 KiB at most\n';
  await writeFile(join(cwd, 'longest'), Buffer.alloc(64 * 1024, 'x'));
  await writeFile(join(cwd, 'longer'), Buffer.alloc(64 * 1024 + 1, 'x'));
  assert.equal((await dcf(['secret', 'set', 'LONGEST', '--input', 'longest'], { env, cwd })).code, 0);
  assert.equal(daemon.secrets.get('LONGEST')?.value.length, 64 * 1024);
  const longer = await dcf(['secret', 'set', 'LARGE', '--input', 'longer'], { env, cwd });
  assert.deepEqual([longer.code, longer.stderr], [2, tooLong]);
  // More may come on this stdin at any time.
  const endless = start(['secret', 'set', 'LARGE'], { env, keepsStdin: true });
  endless.stdin.write(Buffer.alloc(64 * 1024 + 1, 'x'));
  const { code, stderr } = await finish(endless);
  assert.deepEqual([code, stderr], [2, tooLong]);
  assert.equal(daemon.secrets.has('LARGE'), false);
});

test('secret list and delete', { timeout: 300_000 }, async (t) => {
  const daemon = await FakeDaemon.start(t);
  const env = { DCF_URL: daemon.url };
  assert.equal((await dcf(['secret', 'list'], { env })).stdout, 'no secret is set; "dcf secret set NAME" sets one\n');
  await dcf(['secret', 'set', 'API_KEY', '--function', 'hello'], { env, input: 'hush' });
  await dcf(['secret', 'set', 'TOKEN'], { env, input: 'hush' });
  const { stdout } = await dcf(['secret', 'list'], { env });
  assert.equal(
    stdout,
    'NAME     FUNCTION  SET\nAPI_KEY  hello     2026-01-02T00:00:00.000Z\nTOKEN    *         2026-01-02T00:00:00.000Z\n',
  );
  const json = await dcf(['secret', 'list', '--json'], { env });
  assert.deepEqual(JSON.parse(json.stdout)[0], { name: 'API_KEY', function: 'hello', setAt: Date.UTC(2026, 0, 2) });
  const deleted = await dcf(['secret', 'delete', 'TOKEN'], { env });
  assert.equal(deleted.stdout, 'TOKEN is deleted\nhello still runs with it, but its next replicas cannot start without it\n');
  const again = await dcf(['secret', 'delete', 'TOKEN'], { env });
  assert.deepEqual([again.code, again.stderr], [1, 'dcf: there is no secret TOKEN; "dcf secret list" shows those that are set\n']);
});

test('dcf run takes secrets from the variables of the user', { timeout: 300_000 }, async (t) => {
  const cwd = await temporaryDirectory(t);
  await mkdir(join(cwd, 'keyed'));
  await writeFile(
    join(cwd, 'keyed/function.yaml'),
    'name: keyed\nproviders: [cpu]\nsecrets: [API_KEY, { name: CERTIFICATE, file: true }]\n',
  );
  await writeFile(
    join(cwd, 'keyed/handler.ts'),
    "export class Handler { call() { return [process.env['API_KEY'], process.env['CERTIFICATE_FILE']]; } }\n",
  );
  const { code, stdout, stderr } = await dcf(['run', 'keyed'], { cwd, env: { API_KEY: 'a', CERTIFICATE_FILE: '/b' } });
  assert.deepEqual([code, stdout], [0, '["a","/b"]'], stderr);
  const missing = await dcf(['run', 'keyed'], { cwd, env: { API_KEY: 'a' } });
  assert.equal(missing.code, 1);
  assert.match(
    missing.stderr,
    /the secret CERTIFICATE is missing: .* the path of its file from the variable CERTIFICATE_FILE, which is not set/,
  );
});
