import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { parseManifestJson } from '@dcf/sdk/manifest';
import { replicaSpec } from '../../../src/pool/replica/replica-spec.js';
import { gpuDevices, sandboxCommand } from '../../../src/process/sandbox.js';
import { sandboxSupport } from '../../../src/process/sandbox-support.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { untilThere } from '../../support/gate.js';
import { createPool, startPool } from '../../support/pool.js';
import { eventually, isAlive } from '../../support/processes.js';

const support = await sandboxSupport();
const skip = support.usable ? false : `no sandboxes here: ${support.detail}`;

/** Runs what it is sent as the body of an async function, and answers with its result or the code of its error. */
const curious = `
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { spawn, spawnSync } from 'node:child_process';
const AsyncFunction = (async () => {}).constructor;
export class Handler {
  async call(request) {
    try {
      return { result: await new AsyncFunction('fs', 'net', 'os', 'spawn', 'spawnSync', request.text())(fs, net, os, spawn, spawnSync) };
    } catch (error) {
      return { code: error.code ?? String(error) };
    }
  }
}`;

type Ask = (code: string) => Promise<unknown>;

function asking(call: (input: string) => { text: Promise<string> }): Ask {
  return async (code) => {
    const reply: unknown = JSON.parse(await call(code).text);
    assert.ok(typeof reply === 'object' && reply !== null);
    return 'result' in reply ? reply.result : 'code' in reply ? reply.code : undefined;
  };
}

const connect = (port: number): string => `return await new Promise((done) => {
  const socket = net.connect(${port}, '127.0.0.1');
  socket.on('connect', () => { socket.destroy(); done('connected'); });
  socket.on('error', (error) => done(error.code));
});`;

async function localServer(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

test('a sandbox has no network unless it is asked for', { skip }, async (t) => {
  const port = await localServer(t);
  const sealed = await startPool(t, curious, { isolation: 'sandbox' });
  assert.equal(await asking(sealed.call)(connect(port)), 'ECONNREFUSED');
  assert.deepEqual(await asking(sealed.call)('return Object.keys(os.networkInterfaces())'), ['lo']);
  const open = await startPool(t, curious, { isolation: 'sandbox', network: true });
  assert.equal(await asking(open.call)(connect(port)), 'connected');
});

test('a sandbox sees its own files, to read only, and a /tmp of its own', { skip }, async (t) => {
  const secrets = await temporaryDirectory(t);
  await writeFile(join(secrets, 'key'), 'secret');
  const { call, folder } = await startPool(t, curious, { isolation: 'sandbox' });
  const ask = asking(call);
  assert.equal(await ask(`fs.readFileSync(${JSON.stringify(join(secrets, 'key'))})`), 'ENOENT');
  assert.equal(await ask("fs.readFileSync('/etc/shadow')"), 'ENOENT');
  assert.equal(await ask("fs.readdirSync('/root')"), 'ENOENT');
  assert.equal(await ask("fs.readdirSync('/home')"), 'ENOENT');
  assert.equal(await ask("fs.readdirSync('/etc/ssl/private')"), 'ENOENT');
  assert.equal(await ask("return fs.readFileSync('handler.mjs', 'utf8').length"), curious.length);
  assert.equal(await ask("fs.writeFileSync('handler.mjs', '')"), 'EROFS');
  assert.equal(await ask("fs.writeFileSync('new', '')"), 'EROFS');
  for (const path of ['/new', '/usr/new', '/etc/new']) assert.equal(await ask(`fs.writeFileSync('${path}', '')`), 'EROFS', path);
  assert.equal(await ask("fs.writeFileSync('/tmp/mine', 'x'); return fs.readFileSync('/tmp/mine', 'utf8')"), 'x');
  assert.ok(!existsSync('/tmp/mine'));
  assert.equal(await ask('return process.cwd()'), folder);
  assert.equal(await readFile(join(folder, 'handler.mjs'), 'utf8'), curious);
});

test('a link out of a function’s folder leads to its packages in a sandbox, and nowhere else unless it is a resource', {
  skip,
}, async (t) => {
  const elsewhere = await temporaryDirectory(t);
  await mkdir(join(elsewhere, 'dependencies/brought'), { recursive: true });
  await writeFile(join(elsewhere, 'dependencies/brought/index.js'), 'module.exports = "brought";');
  await writeFile(join(elsewhere, 'weights'), 'heavy');
  const { folder, pool, call } = await createPool(
    t,
    `import brought from 'brought';\n${curious.replace('return { result:', 'return { brought, result:')}`,
    { isolation: 'sandbox' },
  );
  // The link takes the place of the platform's packages, which this Handler does not need.
  await rm(join(folder, 'node_modules'), { recursive: true });
  await symlink(join(elsewhere, 'dependencies'), join(folder, 'node_modules'));
  await symlink(join(elsewhere, 'weights'), join(folder, 'weights'));
  await pool.start();
  assert.deepEqual(JSON.parse(await call('return 1').text), { brought: 'brought', result: 1 });
  assert.equal(await asking(call)("return fs.readFileSync('weights', 'utf8')"), 'ENOENT');
  const options = { directory: folder, network: false, gpu: false, temporarySize: undefined };
  const line = sandboxCommand({ ...options, readOnly: [join(folder, 'weights')] }).join(' ');
  assert.ok(line.includes(` --ro-bind-try ${join(elsewhere, 'weights')} `));
  assert.ok(!line.includes(join(folder, 'weights')));
});

test('the devices of a GPU are those of its driver, and nothing else of /dev', async (t) => {
  const folder = await temporaryDirectory(t);
  for (const name of ['nvidiactl', 'nvidia0', 'nvidia-uvm', 'kfd', 'sda', 'mem']) await writeFile(join(folder, name), '');
  for (const name of ['dri', 'nvidia-caps', 'snd']) await mkdir(join(folder, name));
  const names = ['nvidia-caps', 'nvidia-uvm', 'nvidia0', 'nvidiactl', 'dri', 'kfd'];
  assert.deepEqual(
    gpuDevices(folder),
    names.map((name) => join(folder, name)),
  );
  const options = { directory: folder, network: false, readOnly: [], temporarySize: undefined };
  const line = sandboxCommand({ ...options, gpu: true }).join(' ');
  for (const path of gpuDevices()) assert.ok(line.includes(` --dev-bind-try ${path} ${path} `), path);
  assert.doesNotMatch(sandboxCommand({ ...options, gpu: false }).join(' '), /--dev-bind| \/sys \/sys /);
});

test('a sandbox with a GPU starts, with the system’s devices and the daemon’s own CUDA libraries to read', { skip }, async (t) => {
  const [libraries, directory] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  await writeFile(join(libraries, 'libcudart.so'), 'CUDA');
  const before = process.env['LD_LIBRARY_PATH'];
  t.after(() => {
    if (before === undefined) delete process.env['LD_LIBRARY_PATH'];
    else process.env['LD_LIBRARY_PATH'] = before;
  });
  process.env['LD_LIBRARY_PATH'] = `${libraries}:/nowhere`;
  const look = `const fs = require('node:fs');
const mayWrite = (path) => { try { fs.writeFileSync(path, ''); return true; } catch { return false; } };
const devices = fs.readdirSync('/dev').filter((name) => name.startsWith('nvidia') || name === 'dri' || name === 'kfd');
const library = ${JSON.stringify(join(libraries, 'libcudart.so'))};
console.log(JSON.stringify({ devices, text: fs.readFileSync(library, 'utf8'), written: mayWrite(library), sys: fs.readdirSync('/sys') }));`;
  const options = { directory, network: false, gpu: true, readOnly: [], temporarySize: undefined };
  const [file = '', ...argv] = [...sandboxCommand(options), process.execPath, '-e', look];
  const { stdout } = await promisify(execFile)(file, argv, { timeout: 20_000 });
  const { devices, text, written, sys } = JSON.parse(stdout);
  assert.deepEqual(
    devices.sort(),
    gpuDevices()
      .map((path) => basename(path))
      .sort(),
  );
  assert.deepEqual([text, written, sys.includes('devices'), sys.includes('class')], ['CUDA', false, true, true]);
});

test('a sandbox sees only its own processes, and has no privilege', { skip }, async (t) => {
  const { call } = await startPool(t, curious, { isolation: 'sandbox' });
  const ask = asking(call);
  assert.deepEqual(await ask("return fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name))"), ['1', '2']);
  assert.equal(await ask(`process.kill(${process.pid}, 0)`), 'ESRCH');
  const status = await ask("return fs.readFileSync('/proc/self/status', 'utf8')");
  assert.match(String(status), /^CapEff:\s+0+$/m);
  assert.match(String(status), /^NoNewPrivs:\s+1$/m);
});

test('a sandbox does not learn the daemon’s folders or variables', { skip }, async (t) => {
  process.env['DCF_TEST_SECRET'] = 'hidden';
  t.after(() => delete process.env['DCF_TEST_SECRET']);
  const { call } = await startPool(t, curious, { isolation: 'sandbox', environment: { GIVEN: 'yes' } });
  const environment = await asking(call)('return process.env');
  assert.ok(typeof environment === 'object' && environment !== null);
  const { HOME, TMPDIR, GIVEN, DCF_TEST_SECRET }: Record<string, unknown> = { ...environment };
  assert.deepEqual({ HOME, TMPDIR, GIVEN, DCF_TEST_SECRET }, { HOME: '/tmp', TMPDIR: '/tmp', GIVEN: 'yes', DCF_TEST_SECRET: undefined });
});

test('a sandbox holds several threads, each with its stream', { skip }, async (t) => {
  const { call } = await startPool(t, curious, { isolation: 'sandbox', threads: 2 });
  // Each waits for the other, in the /tmp that both have.
  const meet = (own: string, other: string): Promise<unknown> =>
    asking(call)(
      `fs.writeFileSync('/tmp/${own}', ''); ${untilThere(`'/tmp/${other}'`)} return (await import('node:worker_threads')).threadId`,
    );
  const ids = await Promise.all([meet('one', 'two'), meet('two', 'one')]);
  assert.equal(new Set(ids).size, 2);
});

test('the pid of a sandboxed replica is that of the process which runs the Handler', { skip }, async (t) => {
  const { pool } = await startPool(t, curious, { isolation: 'sandbox' });
  const [replica] = pool.snapshot().replicas;
  assert.match(readFileSync(`/proc/${replica?.pid}/cmdline`, 'latin1'), /runtimes\/node\/bundle\/main\.js\0$/);
  assert.doesNotMatch(readFileSync(`/proc/${replica?.pid}/cmdline`, 'latin1'), /^bwrap/);
  assert.ok((replica?.process?.memory().rss ?? 0) > 20 * 2 ** 20);
});

for (const [code, reason] of [
  ['process.exit(3)', 'exit:3'],
  ['process.abort()', 'signal:SIGABRT'],
  ["process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})", 'signal:SIGKILL'],
] as const) {
  test(`how a sandboxed process ends comes through: ${code}`, { skip }, async (t) => {
    const { call } = await startPool(t, curious, { isolation: 'sandbox' });
    const outcome = await call(code).outcome;
    assert.ok(!outcome.ok);
    assert.equal(outcome.error.reason, reason);
    assert.equal(await asking(call)('return 1'), 1);
  });
}

test('a memory limit holds in a sandbox, and its /tmp is not larger', { skip }, async (t) => {
  const { call } = await startPool(t, curious, { isolation: 'sandbox', limits: { memory: '192MiB' } });
  if (support.usable && support.sized) {
    for (const path of ['/tmp', '/dev/shm']) {
      const size = `const { blocks, bsize } = fs.statfsSync('${path}'); return blocks * bsize`;
      assert.equal(await asking(call)(size), 192 * 2 ** 20);
    }
  }
  const outcome = await call(
    'const kept = []; while (kept.length < 1024) { kept.push(Buffer.alloc(1 << 20, 1)); await new Promise(setImmediate); } await new Promise(() => {})',
  ).outcome;
  assert.ok(!outcome.ok);
  assert.equal(outcome.error.reason, 'memory');
  assert.equal(await asking(call)('return 1'), 1);
});

test('a kill ends everything in a sandbox, a process that left its group too', { skip }, async (t) => {
  const { call, pool } = await startPool(t, curious, { isolation: 'sandbox', network: true });
  const [replica] = pool.snapshot().replicas;
  assert.ok(replica !== undefined);
  const ask = asking(call);
  await ask(
    "globalThis.away = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore', detached: true }); await new Promise((done) => away.once('spawn', done))",
  );
  const { childrenOf } = await import('../../../src/process/process-tree.js');
  const [away] = childrenOf(replica.pid);
  assert.ok(away !== undefined && isAlive(away) && isAlive(replica.pid));
  const inside = replica.pid;
  replica.process?.kill();
  await replica.process?.exited;
  await eventually('nothing of the sandbox is left', () => !isAlive(away) && !isAlive(inside));
});

test('more can be made readable; a function’s own variables cannot', async (t) => {
  const folder = await temporaryDirectory(t);
  await mkdir(join(folder, 'function'));
  const manifest = parseManifestJson(
    JSON.stringify({
      name: 'f',
      isolation: 'sandbox',
      environment: { LD_LIBRARY_PATH: '/private', CUDA_PATH: '/private' },
      recycle: { maxCalls: 3 },
    }),
  );
  const directory = join(folder, 'function');
  const placement = { revision: 'r', directory, resources: { model: '/weights' }, providers: ['cpu'], readOnly: ['/secret'] };
  const { confinement, recycle } = replicaSpec(manifest, placement);
  assert.deepEqual(confinement.isolation, { kind: 'sandbox', network: false, gpu: false, readOnly: ['/weights', '/secret'] });
  assert.deepEqual(recycle, { maxCalls: 3 });
  assert.ok(confinement.isolation.kind === 'sandbox');
  const line = sandboxCommand({ ...confinement.isolation, gpu: true, directory, temporarySize: undefined }).join(' ');
  for (const path of ['/weights', '/secret', directory]) assert.ok(line.includes(` --ro-bind-try ${path} ${path} `), path);
  assert.doesNotMatch(line, /private/);
  assert.match(line, / --ro-bind-try \/sys \/sys /);
});
