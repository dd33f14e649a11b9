import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client, dcf } from '@dcf/sdk';
import { ControlClient } from '@dcf/sdk/control';
import { Daemon } from '../../src/daemon/daemon.js';
import { settings } from '../../src/daemon/settings.js';
import { Registry } from '../../src/registry/registry.js';
import { createDaemonLog } from '../../src/telemetry/daemon-log.js';
import { cleanUp, temporaryDirectory } from '../support/cleanup.js';
import { runDaemon, startDaemon } from '../support/daemon.js';
import { built, runCli } from '../support/programs.js';

/** Who runs dcfd in a test where root must not, who may write everywhere: this user, or the one who owns nothing. */
const notRoot: { uid?: number; gid?: number } = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const canRun = spawnSync(process.execPath, [join(built, 'daemon/main.js'), '--help'], { ...notRoot, stdio: 'ignore' }).status === 0;

/** Runs a dcfd that has to end by itself. */
async function refused(t: TestContext, args: readonly string[], environment: Record<string, string> = {}, user: typeof notRoot = {}) {
  const { ended, log } = runDaemon(t, args, environment, user);
  const code = await ended;
  assert.doesNotMatch(log(), /^\s+at /m, 'no stack');
  return { code, text: log() };
}

/** A port on which something listens that is no daemon. */
async function occupiedPort(t: TestContext): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    cleanUp(t, () => void socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(t, () => void server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  server.close();
  await once(server, 'close');
  return address.port;
}

test('a port in use is said, and nothing is left locked', async (t) => {
  const data = join(await temporaryDirectory(t), 'data');
  const port = await occupiedPort(t);
  const { code, text } = await refused(t, ['--data', data, '--grpc', `127.0.0.1:${port}`]);
  assert.equal(code, 1);
  assert.match(text, new RegExp(`dcfd: cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use.*--grpc`));
  await startDaemon(t, { data });
});

test('an address that this host does not have is refused', async (t) => {
  const data = await temporaryDirectory(t);
  const { code, text } = await refused(t, ['--data', data, '--grpc', '203.0.113.1:0', '--insecure']);
  assert.equal(code, 1);
  assert.match(text, /dcfd: cannot listen on 203\.0\.113\.1:0: this host does not have the address; choose one of its own with --grpc/);
});

test('a data directory in use is said with the process that has it, which goes on', async (t) => {
  const daemon = await startDaemon(t);
  const { code, text } = await refused(t, ['--data', daemon.data, '--grpc', '127.0.0.1:0']);
  assert.equal(code, 1);
  assert.match(text, new RegExp(`dcfd: the data directory ${daemon.data} is in use by another daemon \\(pid ${daemon.pid}\\)`));
  assert.deepEqual(await daemon.control.list(), []);
});

test('a data directory that is a file, or below one, is said', async (t) => {
  const file = join(await temporaryDirectory(t), 'file');
  await writeFile(file, 'not a directory');
  for (const path of [file, join(file, 'data')]) {
    const { code, text } = await refused(t, ['--data', path, '--grpc', '127.0.0.1:0']);
    assert.equal(code, 1);
    assert.match(
      text,
      new RegExp(`dcfd: the data directory ${path} is not a directory, or a part of its path is not one; choose another with --data`),
    );
  }
});

test('a data directory whose folder for logs is a file is said, and is free again', async (t) => {
  const data = await temporaryDirectory(t);
  await writeFile(join(data, 'logs'), 'not a folder');
  const log = await createDaemonLog({ level: 'error', destination: { write: () => undefined } });
  await assert.rejects(Daemon.start(settings.parse({ data, grpc: '127.0.0.1:0', http: 'off' }), log), {
    code: 'FAILED_PRECONDITION',
    message: /^the folder for the functions' logs, .*\/logs, cannot be made: EEXIST/,
  });
  await (await Registry.open(data)).close();
});

test('a data directory that cannot be written is said', { skip: process.platform !== 'linux' ? 'it takes /proc' : false }, async (t) => {
  const { code, text } = await refused(t, ['--data', '/proc/dcf', '--grpc', '127.0.0.1:0']);
  assert.equal(code, 1);
  assert.match(text, /dcfd: the data directory \/proc\/dcf .*; choose another with --data/);
});

const skip = canRun
  ? false
  : 'root may write everywhere, and another user cannot read this checkout: have the tests run in a folder that all can read';
test('a data directory of another user is said', { skip }, async (t) => {
  const above = await temporaryDirectory(t);
  await chmod(above, 0o755);
  const folder = join(above, 'locked');
  await mkdir(folder);
  await chmod(folder, process.getuid?.() === 0 ? 0o755 : 0o500);
  const { code, text } = await refused(t, ['--data', join(folder, 'data'), '--grpc', '127.0.0.1:0'], {}, notRoot);
  assert.equal(code, 1);
  assert.match(text, /cannot be written: permission denied/);
});

const usage: [string[], Record<string, string>, RegExp][] = [
  [['--nonsense'], {}, /--nonsense.*dcfd --help/s],
  [['--grpc', 'nowhere'], {}, /--grpc: "nowhere" is not allowed; allowed: HOST:PORT/],
  [['--max-payload', '64'], {}, /--max-payload/],
  [['--first-byte-timeout', '5'], {}, /a duration with its unit/],
  [['--max-connections', '0'], {}, /a whole number above 0/],
  [[], { DCF_LOG_LEVEL: 'loud' }, /DCF_LOG_LEVEL: "loud" is not allowed; allowed: debug, info, warn, error/],
  [['--config', '/nonexistent/dcfd.yaml'], {}, /\/nonexistent\/dcfd\.yaml cannot be read/],
];
for (const [args, environment, message] of usage) {
  test(`bad usage is 2, and touches nothing: ${JSON.stringify([...args, environment])}`, async (t) => {
    const folder = await temporaryDirectory(t);
    const { code, text } = await refused(t, ['--data', join(folder, 'data'), ...args], environment);
    assert.equal(code, 2, text);
    assert.match(text, message);
    assert.deepEqual(await readdir(folder), []);
  });
}

test('where no daemon answers, the command says so and what to do', async () => {
  const url = `127.0.0.1:${await freePort()}`;
  const commands = [['list'], ['invoke', 'echo', '--data', 'x', '--timeout', '5s'], ['delete', 'echo', '--yes'], ['logs', 'echo']];
  for (const { code, stdout, stderr } of await Promise.all(commands.map((args) => runCli(args, { url })))) {
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`no DCF daemon answers at ${url}: connection refused\\. Start one with dcfd, or set DCF_URL`));
  }
});

test('where no daemon answers, the SDK says so', async (t) => {
  const url = `127.0.0.1:${await freePort()}`;
  const expected = { code: 'UNAVAILABLE', message: new RegExp(`no DCF daemon answers at ${url}: connection refused`) };
  const client = new Client(url);
  const control = new ControlClient(url);
  cleanUp(t, () => {
    client.close();
    control.close();
  });
  await Promise.all([
    assert.rejects(dcf(url, 'echo', 'x'), expected),
    assert.rejects(client.invoke('echo', 'x'), expected),
    assert.rejects(control.list(), expected),
  ]);
});

test('what listens there and speaks no gRPC is told from a daemon', async (t) => {
  const url = `127.0.0.1:${await occupiedPort(t)}`;
  const client = new Client(url);
  cleanUp(t, () => client.close());
  await assert.rejects(client.invoke('echo', 'x', { timeout: 500 }), { code: 'DEADLINE_EXCEEDED', message: /no DCF daemon answers/ });
});
