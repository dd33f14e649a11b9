import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { npmEnvironment } from '../../../../src/languages/node/npm.js';
import { installDependencies, recoverDependencies, sweepDependencies } from '../../../../src/registry/install/dependencies.js';
import { temporaryDirectory } from '../../../support/cleanup.js';
import { assertNoLeftovers } from '../../../support/registry.js';

const run = promisify(execFile);

describe('installDependencies', () => {
  let folder = '';
  let environment: NodeJS.ProcessEnv = {};

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcf-npm-'));
    // npm gets its cache from the environment; the user's own stays as it is.
    environment = { ...process.env };
    process.env['npm_config_cache'] = join(folder, 'cache');
    process.env['npm_config_offline'] = 'true';
  });
  after(async () => {
    process.env = environment;
    await rm(folder, { recursive: true, force: true });
  });

  /** A revision's folder whose package.json wants one package, made here from `content` of its package.json. */
  async function revisionWith(data: string, id: string, content: object): Promise<string> {
    const source = await mkdtemp(join(folder, 'source-'));
    await writeFile(
      join(source, 'package.json'),
      JSON.stringify({ name: 'tiny', version: '1.0.0', type: 'module', main: 'index.js', ...content }),
    );
    await writeFile(join(source, 'index.js'), 'export const answer = 42;');
    const directory = join(data, 'functions/digits', id);
    await mkdir(join(directory, 'vendor'), { recursive: true });
    await run('npm', ['pack', '--pack-destination', join(directory, 'vendor')], { cwd: source });
    const wanted = {
      name: 'digits',
      version: '0.0.0',
      scripts: { install: 'exit 1' },
      dependencies: { tiny: 'file:vendor/tiny-1.0.0.tgz' },
    };
    await writeFile(join(directory, 'package.json'), JSON.stringify(wanted));
    await run('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: directory });
    await writeFile(join(directory, 'handler.mjs'), `export { answer } from 'tiny';`);
    return directory;
  }

  async function dataWith(context: TestContext, content: object = {}): Promise<{ data: string; revision: string }> {
    const data = await temporaryDirectory(context);
    await recoverDependencies(data);
    return { data, revision: await revisionWith(data, '1'.repeat(16), content) };
  }

  test('installs a package so that the handler finds it, and says what npm says', async (context) => {
    const { data, revision } = await dataWith(context);
    const lines: string[] = [];
    const installed = await installDependencies({ revisionDirectory: revision, dataDirectory: data, onOutput: (line) => lines.push(line) });
    assert.equal(installed, true);
    const loaded: unknown = await import(pathToFileURL(join(revision, 'handler.mjs')).href);
    assert.deepEqual({ ...Object(loaded) }, { answer: 42 });
    const [digest = ''] = await readdir(join(data, 'dependencies'));
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.equal(await readlink(join(revision, 'node_modules')), `../../../dependencies/${digest}/node_modules`);
    assert.match(lines.join('\n'), /added 1 package/);
    assert.equal(await readFile(`${revision}.build.log`, 'utf8'), lines.map((line) => `${line}\n`).join(''));
    await assertNoLeftovers(data);
  });

  test('has nothing to do for a package without dependencies', async (context) => {
    const data = await temporaryDirectory(context);
    const none = { revisionDirectory: data, dataDirectory: data, onOutput: assert.fail };
    assert.equal(await installDependencies(none), false);
    await writeFile(join(data, 'package.json'), JSON.stringify({ name: 'x', dependencies: {}, devDependencies: { typescript: '7' } }));
    assert.equal(await installDependencies(none), false);
    assert.deepEqual(await readdir(data), ['package.json']);
  });

  test('installs the same once, for all who want it at the same time and later', async (context) => {
    const { data, revision } = await dataWith(context, { scripts: { postinstall: `echo run >> ${join(folder, 'runs')}` } });
    const second = join(data, 'functions/other', '2'.repeat(16));
    const third = join(data, 'functions/other', '3'.repeat(16));
    for (const copy of [second, third]) await cp(revision, copy, { recursive: true });
    const said: [string[], string[]] = [[], []];
    await Promise.all(
      [revision, second].map((revisionDirectory, index) =>
        installDependencies({ revisionDirectory, dataDirectory: data, onOutput: (line) => said[index]?.push(line) }),
      ),
    );
    assert.notDeepEqual(said[0], []);
    assert.deepEqual(said[0], said[1]);
    await installDependencies({ revisionDirectory: third, dataDirectory: data, onOutput: assert.fail });
    assert.equal((await readdir(join(data, 'dependencies'))).length, 1);
    assert.equal(await readlink(join(third, 'node_modules')), await readlink(join(revision, 'node_modules')));
    assert.equal(await readFile(join(folder, 'runs'), 'utf8'), 'run\n');
  });

  test('tells the last lines of an install that fails, and leaves nothing', async (context) => {
    const { data, revision } = await dataWith(context, { scripts: { postinstall: 'echo "gyp: no compiler" >&2; exit 3' } });
    const lines: string[] = [];
    const failing = installDependencies({ revisionDirectory: revision, dataDirectory: data, onOutput: (line) => lines.push(line) });
    await assert.rejects(failing, (error) => {
      assert.ok(error instanceof Error);
      assert.equal(Reflect.get(error, 'code'), 'FAILED_PRECONDITION');
      assert.match(error.message, /^the dependencies cannot be installed: npm ci ended with exit code \d+\n/);
      assert.match(error.message, /gyp: no compiler/);
      assert.ok(error.message.split('\n').length <= 21);
      return true;
    });
    assert.deepEqual(await readdir(join(data, 'dependencies')), []);
    assert.equal((await readdir(revision)).includes('node_modules'), false);
    assert.equal(await readFile(`${revision}.build.log`, 'utf8'), lines.map((line) => `${line}\n`).join(''));
  });

  /** A package whose install script connects to the test and then never ends. */
  async function endless(context: TestContext): Promise<{ data: string; revision: string; started: Promise<Socket> }> {
    const path = join(await temporaryDirectory(context), 'socket');
    const server = createServer().listen(path);
    context.after(() => server.close());
    const started = once(server, 'connection').then(([socket]: unknown[]) => {
      assert.ok(socket instanceof Socket);
      return socket.on('error', () => undefined).resume();
    });
    const { data, revision } = await dataWith(context, {
      scripts: { postinstall: `node -e "require('net').connect('${path}', function () { this.pipe(this); })"` },
    });
    return { data, revision, started };
  }

  test('ends the install, and what it started, when the caller gives up; nothing is left', async (context) => {
    const { data, revision, started } = await endless(context);
    const abort = new AbortController();
    const installing = installDependencies({
      revisionDirectory: revision,
      dataDirectory: data,
      onOutput: () => undefined,
      signal: abort.signal,
    });
    const script = await Promise.race([started, installing.then(() => assert.fail('the install ended'))]);
    const ended = once(script, 'close');
    abort.abort();
    await assert.rejects(installing, { code: 'CANCELLED', message: 'installing the dependencies was cancelled' });
    await ended;
    assert.deepEqual(await readdir(join(data, 'dependencies')), []);
    await assert.rejects(
      installDependencies({ revisionDirectory: revision, dataDirectory: data, onOutput: assert.fail, signal: abort.signal }),
      { code: 'CANCELLED' },
    );
  });

  test('goes on while anyone waits for it', async (context) => {
    const { data, revision, started } = await endless(context);
    const [one, other] = [new AbortController(), new AbortController()];
    const [first, second] = [one, other].map(({ signal }) =>
      installDependencies({ revisionDirectory: revision, dataDirectory: data, onOutput: () => undefined, signal }),
    );
    assert.ok(first !== undefined && second !== undefined);
    const script = await Promise.race([started, first.then(() => assert.fail('the install ended'))]);
    const ended = once(script, 'close');
    one.abort();
    await assert.rejects(first, { code: 'CANCELLED' });
    const echo = once(script, 'data');
    script.write('still there?');
    await Promise.race([echo, ended.then(() => assert.fail('the install was ended'))]);
    other.abort();
    await assert.rejects(second, { code: 'CANCELLED' });
    await ended;
  });

  test('ends an install that takes too long', async (context) => {
    const { data, revision } = await endless(context);
    const late = installDependencies({ revisionDirectory: revision, dataDirectory: data, onOutput: () => undefined, timeLimitMs: 300 });
    await assert.rejects(late, {
      code: 'FAILED_PRECONDITION',
      message: /^the dependencies cannot be installed: npm ci took longer than 300 ms/,
    });
    assert.deepEqual(await readdir(join(data, 'dependencies')), []);
  });

  test('refuses what cannot be installed, and says why', async (context) => {
    const data = await temporaryDirectory(context);
    const install = () => installDependencies({ revisionDirectory: data, dataDirectory: data, onOutput: assert.fail });
    await writeFile(join(data, 'package.json'), '{');
    await assert.rejects(install, { code: 'FAILED_PRECONDITION', message: /package\.json is not valid JSON/ });
    await writeFile(join(data, 'package.json'), JSON.stringify({ dependencies: { tiny: '1' } }));
    await assert.rejects(install, { code: 'FAILED_PRECONDITION', message: /the package has no package-lock\.json/ });
    for (const [entry, message] of [
      [{ resolved: 'tiny', link: true }, /node_modules\/tiny is a link to a folder/],
      [{ resolved: 'file:../tiny.tgz' }, /is installed from the file "\.\.\/tiny\.tgz", which has "\.\."/],
      [{ resolved: 'file:/etc/passwd' }, /is installed from the file "\/etc\/passwd", which is absolute/],
    ] as const) {
      await writeFile(join(data, 'package-lock.json'), JSON.stringify({ packages: { 'node_modules/tiny': entry } }));
      await assert.rejects(install, { code: 'FAILED_PRECONDITION', message });
    }
  });

  test('sweeps what no revision is linked to, and what a crash left', async (context) => {
    const { data, revision } = await dataWith(context);
    await installDependencies({ revisionDirectory: revision, dataDirectory: data, onOutput: () => undefined });
    const [digest = ''] = await readdir(join(data, 'dependencies'));
    await mkdir(join(data, 'dependencies', 'f'.repeat(64)));
    await mkdir(join(data, 'dependencies', `${'e'.repeat(64)}.staging-1-1`));
    await sweepDependencies(data, [revision, join(data, 'functions/digits', '0'.repeat(16))]);
    await recoverDependencies(data);
    assert.deepEqual(await readdir(join(data, 'dependencies')), [digest]);
    await sweepDependencies(data, []);
    assert.deepEqual(await readdir(join(data, 'dependencies')), []);
  });
});

describe('npmEnvironment', () => {
  test('passes on what npm needs, and nothing that could be a secret', () => {
    const environment = npmEnvironment({
      PATH: '/bin',
      HOME: '/root',
      https_proxy: 'http://proxy',
      npm_config_registry: 'https://registry.example.org',
      'npm_config_//registry.example.org/:_authToken': 'x',
      DCF_TOKEN: 'x',
      DCF_DATA: 'x',
      NPM_TOKEN: 'x',
      GITHUB_TOKEN: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      NODE_OPTIONS: '--inspect',
    });
    assert.deepEqual(Object.keys(environment).sort(), [
      'HOME',
      'ONNXRUNTIME_NODE_INSTALL',
      'PATH',
      'https_proxy',
      'npm_config_onnxruntime_node_install',
      'npm_config_registry',
    ]);
    assert.match(environment['PATH'] ?? '', /:\/bin$/);
  });

  test('does not heed what the project says that started the daemon', () => {
    const byHand = { PATH: '/bin', npm_config_ignore_scripts: 'true' };
    assert.equal(npmEnvironment(byHand)['npm_config_ignore_scripts'], 'true');
    assert.equal(npmEnvironment({ ...byHand, npm_lifecycle_event: 'start' })['npm_config_ignore_scripts'], undefined);
  });
});
