import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { dcf, finish, start } from './command-line.js';
import { FakeDaemon, revision } from './fake-daemon.js';

async function setUp(t: TestContext): Promise<{ daemon: FakeDaemon; cwd: string; env: Record<string, string> }> {
  const daemon = await FakeDaemon.start(t);
  return { daemon, cwd: await temporaryDirectory(t), env: { DCF_URL: daemon.url } };
}

test('deploy: steps on stderr, the result on stdout; the second time nothing is sent', { timeout: 300_000 }, async (t) => {
  const { daemon, cwd, env } = await setUp(t);
  await dcf(['init', 'hello'], { cwd });
  const first = await dcf(['deploy', 'hello'], { cwd, env });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, `hello@${revision} is active\ncall it: dcf invoke hello --input hello/examples/hello.txt\n`);
  assert.match(first.stderr, /^pack {6}3 files, .*\nupload {4}.* new .*\n {2}\| a line of the Handler\nstart {5}1 replica .*\n$/);
  const again = await dcf(['deploy', 'hello', '--url', daemon.url], { cwd });
  assert.match(again.stdout, /was active already: nothing has changed/);
  assert.ok(again.stdout.includes(`--url ${daemon.url}`));
  assert.match(again.stderr, /^upload {4}nothing new to send/m);
  const json = await dcf(['deploy', 'hello', '--json', '--set', 'description=x'], { cwd, env });
  const { milliseconds, bytes, ...rest } = JSON.parse(json.stdout);
  assert.deepEqual(rest, { function: 'hello', revision, changed: false, files: 3, uploadedBytes: 0 });
  assert.ok(milliseconds > 0 && bytes > 0);
});

test('deploy: a Handler that cannot be built: exit code 1, its own stack, and what serves on', { timeout: 300_000 }, async (t) => {
  const { cwd, env } = await setUp(t);
  for (const [name, serves] of [
    ['broken', `Nothing has changed: broken@${revision} is still the active revision.`],
    ['fresh', 'Nothing has changed: fresh is not deployed, and was not before.'],
  ] as const) {
    await dcf(['init', name], { cwd });
    const { code, stdout, stderr } = await dcf(['deploy', name], { cwd, env });
    assert.deepEqual([code, stdout], [1, '']);
    assert.ok(
      stderr.endsWith(
        `dcf: ${name}: FAILED_PRECONDITION: the Handler could not be built: no weights\n  Error: no weights\n      at new Handler (handler.ts:3:7)\n${serves}\n`,
      ),
      stderr,
    );
  }
});

test('deploy: what does not pack is not sent', { timeout: 300_000 }, async (t) => {
  const { daemon, cwd, env } = await setUp(t);
  await dcf(['init', 'hello'], { cwd });
  await writeFile(join(cwd, 'hello/handler.ts'), 'export class {\n');
  const { code, stderr } = await dcf(['deploy', 'hello'], { cwd, env });
  assert.equal(code, 1);
  assert.match(stderr, /^dcf: hello\/handler\.ts:1:14: /m);
  assert.equal(daemon.tokens.size, 0);
});

test('Ctrl-C cancels a deploy and a call at the daemon: exit code 130', { timeout: 300_000 }, async (t) => {
  for (const args of [
    ['deploy', 'slow'],
    ['invoke', 'slow'],
  ]) {
    const { daemon, cwd, env } = await setUp(t);
    await dcf(['init', 'slow'], { cwd });
    const child = start(args, { cwd, env });
    const finished = finish(child);
    await daemon.slowBegun;
    child.kill('SIGINT');
    const { code, stdout, stderr } = await finished;
    assert.deepEqual([code, stdout], [130, ''], stderr);
    assert.match(stderr, /^dcf: cancelled$/m);
    await daemon.slowCancelled;
  }
});

test('invoke: raw bytes in and out', { timeout: 60_000 }, async (t) => {
  const { daemon, cwd, env } = await setUp(t);
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const piped = await dcf(['invoke', 'hello', '--input', '-', '--timeout', '30s'], { env, input: bytes });
  assert.deepEqual([piped.code, piped.stderr, new Uint8Array(piped.output)], [0, '', bytes]);
  const written = await dcf(['invoke', 'hello', '--data', 'ü', '--output', 'out.bin', '--token', 'secret'], { env, cwd });
  assert.deepEqual([written.code, written.stdout, await readFile(join(cwd, 'out.bin'), 'utf8')], [0, '', 'ü']);
  assert.deepEqual([...daemon.tokens], ['', 'Bearer secret']);
  const empty = await dcf(['invoke', 'hello'], { env });
  assert.deepEqual([empty.code, empty.stdout], [0, '']);
  const unwritable = await dcf(['invoke', 'hello', '--output', 'no/such/x'], { env, cwd });
  assert.deepEqual([unwritable.code, unwritable.stdout], [1, '']);
  assert.match(unwritable.stderr, /--output no\/such\/x cannot be written/);
});

test('invoke: a call that fails says function, code and why; exit code 1', { timeout: 60_000 }, async (t) => {
  const { env } = await setUp(t);
  const { code, stdout, stderr } = await dcf(['invoke', 'other'], { env });
  assert.deepEqual([code, stdout, stderr], [1, '', 'dcf: other: INTERNAL: the worker died\n']);
});

test('list, describe and logs, for people and as JSON', { timeout: 300_000 }, async (t) => {
  const { env } = await setUp(t);
  assert.match((await dcf(['list'], { env })).stdout, /^NAME .*\nhello {2}0123456789abcdef {2}ready {2}1\/1 .* cpu\n$/);
  assert.equal(JSON.parse((await dcf(['list', '--json'], { env })).stdout)[0].name, 'hello');
  assert.match((await dcf(['describe', 'hello'], { env })).stdout, /^hello\n {2}revision: +0123456789abcdef\n/);
  assert.deepEqual(JSON.parse((await dcf(['describe', 'hello', '--json'], { env })).stdout).manifest, {});
  const missing = await dcf(['describe', 'other'], { env });
  assert.deepEqual(
    [missing.code, missing.stderr],
    [1, `dcf: NOT_FOUND: there is no function other\nDeployed at ${env.DCF_URL} (dcf list): hello.\n`],
  );
  assert.equal(
    (await dcf(['logs', 'hello'], { env })).stdout,
    '2026-01-02T00:00:00.000Z info  r1w0@01234567 first\n2026-01-02T00:00:01.000Z info  r1w0@01234567 second\n',
  );
  const lines = (await dcf(['logs', 'hello', '--json', '--tail', '1', '--since', '10m'], { env })).stdout.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).text),
    ['second'],
  );
});

test('logs --follow goes on until Ctrl-C', { timeout: 300_000 }, async (t) => {
  const { daemon, env } = await setUp(t);
  const child = start(['logs', 'hello', '--follow'], { env });
  const finished = finish(child);
  let seen = '';
  child.stdout.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
    if (seen.includes('second')) child.kill('SIGINT');
  });
  const { code, stdout } = await finished;
  assert.deepEqual([code, stdout.split('\n').length], [130, 3]);
  await daemon.slowCancelled;
});

test('delete: nobody is asked where there is no terminal', { timeout: 300_000 }, async (t) => {
  const { daemon, env } = await setUp(t);
  assert.deepEqual((await dcf(['delete', 'hello'], { env })).stdout, 'hello is deleted\n');
  assert.deepEqual(daemon.deleted, ['hello']);
  const missing = await dcf(['delete', 'other', '--yes'], { env });
  assert.deepEqual([missing.code, missing.stdout], [1, '']);
});

test("doctor: with a daemon it shows the daemon's own providers, devices and disk", { timeout: 300_000 }, async (t) => {
  const { daemon, env } = await setUp(t);
  const { code, stdout, stderr } = await dcf(['doctor'], { env });
  assert.equal(code, 0, stderr);
  for (const pattern of [
    /daemon +9\.9\.9 at .*, process 42, Node 24\.0\.0, up \d/,
    /provider cuda +yes: device 0/,
    /devices +0: a GPU/,
    /sandbox +yes: bubblewrap 0\.8\.0/,
    /memory limits +checked by the daemon every 250 ms, as no cgroup can be used: none is delegated/,
    /disk +1 TiB of 2 TiB free in \/data/,
  ]) {
    assert.match(stdout, pattern);
  }
  assert.ok(stdout.endsWith(`Providers, devices, sandbox, memory limits and disk were checked on the daemon at ${daemon.url}.\n`), stdout);
});
