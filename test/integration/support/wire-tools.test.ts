import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { cleanUp, temporaryDirectory } from '../../support/cleanup.js';
import { eventually } from '../../support/processes.js';
import { root } from '../../support/programs.js';

const tools = ['grpc-health-probe', 'grpcurl', 'h2spec', 'interop-client', 'interop-server'];

/** A cache, and a `go` that only writes down that it was asked to build. */
interface Stage {
  folder: string;
  cache: string;
  begin: (...args: string[]) => ChildProcess;
  /** Runs the script to its end. */
  ask: (...args: string[]) => Promise<{ code: number | null; out: string; errors: string }>;
  builds: () => Promise<number>;
}

/** @param build - what the `go` does at `go build`, as a shell script that has the folder for the programs in $into */
async function stage(t: TestContext, build: string | undefined): Promise<Stage> {
  const folder = await temporaryDirectory(t);
  const [cache, bin] = [join(folder, 'cache'), join(folder, 'bin')];
  await mkdir(bin);
  await symlink('/bin/sleep', join(bin, 'sleep'));
  if (build !== undefined) {
    const script = `#!/bin/sh
[ "$1" = version ] && exit 0
echo built >> ${join(folder, 'builds')}
while [ "$1" != -o ]; do shift; done
into="$2"
programs() { for name in h2spec grpcurl grpc-health-probe client server; do echo program > "$into$name"; done; }
${build}
`;
    await writeFile(join(bin, 'go'), script, { mode: 0o755 });
  }
  const begin = (...args: string[]): ChildProcess => {
    const child = spawn(process.execPath, [join(root, 'scripts', 'wire-tools.mjs'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: bin, XDG_CACHE_HOME: cache },
    });
    const closed = once(child, 'close');
    cleanUp(t, async () => {
      child.kill('SIGKILL');
      await closed;
    });
    return child;
  };
  const ask: Stage['ask'] = async (...args) => {
    const child = begin(...args);
    assert.ok(child.stdout && child.stderr);
    const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, out, errors };
  };
  const builds = async (): Promise<number> => (await readFile(join(folder, 'builds'), 'utf8').catch(() => '')).split('\n').length - 1;
  return { folder, cache, begin, ask, builds };
}

test('the programs are built once by any number that ask at once, and found from then on', async (t) => {
  const { ask, builds, cache } = await stage(t, 'programs');
  const answers = await Promise.all([ask(), ask('--for-tests'), ask()]);
  for (const { code, out, errors } of answers) {
    assert.equal(code, 0, errors);
    const pairs = out
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    assert.deepEqual(pairs.map(([name]) => name).sort(), tools);
    for (const [, path = ''] of pairs) assert.equal(await readFile(path, 'utf8'), 'program\n');
    assert.deepEqual((await readdir(dirname(pairs[0]?.[1] ?? ''))).sort(), tools);
  }
  assert.equal(await builds(), 1);
  assert.equal((await ask()).errors, '');
  assert.equal(await builds(), 1);
  assert.equal((await readdir(join(cache, 'dcf-wire-tools'))).length, 1, 'nothing else is left in the cache');
});

test('a build that fails leaves nothing, tests are told its reason at once for a while, and who asks by hand has it tried again', async (t) => {
  const { ask, builds, cache } = await stage(
    t,
    'programs; echo "go: downloading a" >&2; echo "dial tcp: no such host" >&2; echo >&2; exit 1',
  );
  const reason = /h2spec, grpcurl, .* cannot be had: go build ended with 1: dial tcp: no such host\n$/;
  const { code, out, errors } = await ask('--for-tests');
  assert.deepEqual([code, out], [1, '']);
  assert.match(errors, reason);
  assert.match((await ask('--for-tests')).errors, reason);
  assert.equal(await builds(), 1);
  assert.match((await ask()).errors, reason);
  assert.equal(await builds(), 2);
  const left = await readdir(join(cache, 'dcf-wire-tools'));
  assert.deepEqual(
    left.map((name) => name.replace(/-.*\./, '.')),
    ['tests.reason'],
  );
});

test('a machine without Go, and a set that is not there, are said', async (t) => {
  const { ask } = await stage(t, undefined);
  const { code, errors } = await ask();
  assert.equal(code, 1);
  assert.match(errors, /cannot be had: there is no go on the PATH \(https:\/\/go\.dev/);
  const mistaken = await ask('test');
  assert.equal(mistaken.code, 2);
  assert.match(mistaken.errors, /there is no set "test"; there are: tests/);
});

test('who waits for a builder that is killed builds itself', async (t) => {
  const { folder, begin, ask, builds } = await stage(t, '[ -e $0.held ] || { echo $$ > $0.held; exec sleep 60; }\nprograms');
  const holder = async (): Promise<number> => Number(await readFile(join(folder, 'bin', 'go.held'), 'utf8').catch(() => ''));
  const first = begin();
  await eventually('the first builds', async () => (await holder()) > 0);
  const second = ask('--for-tests');
  first.kill('SIGKILL');
  process.kill(await holder());
  assert.equal((await second).code, 0);
  assert.equal(await builds(), 2);
});
