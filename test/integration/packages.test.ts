import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { cleanEnvironment, root } from '../support/programs.js';

const run = promisify(execFile);

/** Why the packages cannot be installed here; `false` when they can. */
async function registryProblem(): Promise<string | false> {
  return await run('npm', ['view', 'commander', 'version', '--fetch-retries=0', '--fetch-timeout=10000']).then(
    () => false,
    () => 'there is no registry of npm packages',
  );
}

describe('the packages that users install', async () => {
  const skip = await registryProblem();
  let folder = '';
  let environment: NodeJS.ProcessEnv = {};
  const tarball = (name: string) => join(folder, `${name}-0.1.0.tgz`);
  /** Runs a program outside of the checkout, with what was installed in front of the path. */
  const outside = async (cwd: string, program: string, ...args: string[]) =>
    await run(program, args, { cwd, env: environment, maxBuffer: 2 ** 26 });
  const filesIn = async (archive: string) => (await run('tar', ['tzf', archive], { maxBuffer: 2 ** 26 })).stdout.trim().split('\n');

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcf-packages-'));
    const bin = join(folder, 'prefix', 'bin');
    const path = [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
    environment = {
      ...cleanEnvironment(),
      PATH: path,
      HOME: join(folder, 'home'),
      npm_config_cache: process.env['npm_config_cache'] ?? join(folder, 'cache'),
    };
    await mkdir(join(folder, 'home'));
    await run(process.execPath, [join(root, 'scripts/pack.mjs'), folder], { cwd: root });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('hold what runs, and no tests, sources or caches', async () => {
    for (const [name, most] of [
      ['dcf', 1500],
      ['dcf-sdk', 1000],
    ] as const) {
      const files = await filesIn(tarball(name));
      assert.deepEqual(
        files.filter((path) =>
          /\/test\/|\/bench\/|\.test\.|__pycache__|tsbuildinfo|(?<!\.d)\.ts$|darwin|win32|^package\/functions/.test(path),
        ),
        [],
      );
      assert.ok(files.length < most, `${name} has ${files.length} files`);
    }
  });

  test('give the SDK types and code that agree, for import and for require', async () => {
    const packages = join(root, 'node_modules/.bin');
    for (const [program, ...args] of [
      ['attw', tarball('dcf-sdk'), '--no-color'],
      ['publint', 'run', tarball('dcf-sdk'), '--strict'],
    ] as const) {
      const { status, stdout, stderr } = spawnSync(join(packages, program), args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
      assert.equal(status, 0, `${program} says:\n${stdout}${stderr}`);
    }
  });

  test('install into an empty prefix, and work there from a new folder to an answer', { skip, timeout: 300_000 }, async (t) => {
    const prefix = join(folder, 'prefix');
    await outside(folder, 'npm', 'install', '--global', '--prefix', prefix, '--loglevel=error', tarball('dcf'), tarball('dcf-sdk'));
    const daemon = spawn('dcfd', ['--data', join(folder, 'data'), '--grpc', '127.0.0.1:0', '--http', 'off', '--log-level', 'warn'], {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(async () => {
      if (daemon.exitCode !== null || daemon.signalCode !== null) return;
      daemon.kill();
      await once(daemon, 'exit');
    });
    for await (const line of createInterface({ input: daemon.stdout })) {
      const url = / listens on (\S+)$/.exec(line)?.[1];
      if (url !== undefined) environment['DCF_URL'] = url;
      if (line === 'dcfd is ready') break;
    }
    daemon.stdout.resume();
    for (const runtime of ['node', 'python']) {
      await outside(folder, 'dcf', 'init', runtime, '--runtime', runtime);
      assert.equal((await outside(folder, 'dcf', 'run', runtime, '--data', 'Ada')).stdout, 'Hello, Ada!\n');
      await outside(folder, 'dcf', 'deploy', runtime);
      assert.equal((await outside(folder, 'dcf', 'invoke', runtime, '--data', 'Ada')).stdout, 'Hello, Ada!\n');
    }
    await outside(join(folder, 'node'), 'npm', 'install', '--loglevel=error');
    assert.equal((await outside(join(folder, 'node'), 'npx', 'tsc')).stdout, '');
    // What npm has written there since, a lock file with a link to the SDK, is no part of the function.
    const { stdout } = await outside(folder, 'dcf', 'deploy', 'node');
    assert.match(stdout, /was active already: nothing has changed/);
  });

  test('let a model run that is among what the daemon provides', { skip }, async () => {
    await cp(join(root, 'functions/digits'), join(folder, 'digits'), { recursive: true, filter: (path) => !path.includes('/training') });
    const { stdout } = await outside(folder, 'dcf', 'run', 'digits', '--input', join(root, 'functions/digits/examples/7-barred.jpg'));
    assert.match(stdout, /^\{"digit":7,/);
  });
});
