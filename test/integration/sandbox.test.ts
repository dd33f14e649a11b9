import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { childrenOf } from '../../src/process/process-tree.js';
import { sandboxSupport } from '../../src/process/sandbox-support.js';
import { cleanUp, temporaryDirectory } from '../support/cleanup.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { eventually, isAlive } from '../support/processes.js';
import { refusal } from '../support/refusal.js';

const support = await sandboxSupport();
const skip = support.usable ? false : `no sandboxes here: ${support.detail}`;

const source = `
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import sharp from 'sharp';
export class Handler {
  constructor(readonly context: any) {}
  async call(request: any): Promise<any> {
    const [what, value = ''] = request.text().split(' ');
    switch (what) {
      case 'list': return readdirSync(value);
      case 'weights': return readFileSync(this.context.resources.weights, 'utf8');
      case 'sharp': return typeof sharp;
      case 'spin': for (;;);
      case 'connect': return await new Promise((done) => {
        const socket = connect(Number(value), '127.0.0.1', () => { socket.destroy(); done('connected'); });
        socket.on('error', (error: any) => done(error.code));
      });
      default: return request.input;
    }
  }
}`;
const settings = { isolation: 'sandbox', files: { 'weights.bin': 'weights' }, resources: { weights: 'weights.bin' } } as const;

async function ask(daemon: TestDaemon, name: string, input: string): Promise<unknown> {
  return JSON.parse(Buffer.from((await daemon.client.invoke(name, input)).output).toString());
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

async function withoutBubblewrap(t: TestContext): Promise<{ PATH: string }> {
  const folder = join(await temporaryDirectory(t), 'bin');
  await mkdir(folder);
  return { PATH: folder };
}

test('a sandboxed function works as any other, and sees nothing else of the data directory', { skip }, async (t) => {
  const daemon = await startDaemon(t);
  await deploySource(t, daemon, 'neighbour', echoSource);
  await deploySource(t, daemon, 'sealed', source, { ...settings, limits: { memory: '1GiB' } });
  assert.equal(Buffer.from((await daemon.client.invoke('sealed', 'weights')).output).toString(), 'weights');
  assert.equal(Buffer.from((await daemon.client.invoke('sealed', 'sharp')).output).toString(), 'function');
  assert.deepEqual(await ask(daemon, 'sealed', `list ${daemon.data}`), ['functions', 'node_modules']);
  assert.deepEqual(await ask(daemon, 'sealed', `list ${join(daemon.data, 'functions')}`), ['sealed']);
  const { replicas } = await daemon.control.describe('sealed');
  const [replica] = replicas;
  assert.ok(replica !== undefined);
  const { isolation, network, memoryLimit, memoryGuard } = replica;
  assert.deepEqual(
    { isolation, network, memoryLimit, memoryGuard },
    {
      isolation: 'sandbox',
      network: false,
      memoryLimit: 2 ** 30,
      memoryGuard: 'watch',
    },
  );
  assert.ok(replica.memory > 2 ** 20 && replica.peakMemory >= replica.memory);
  assert.equal((await daemon.control.describe('neighbour')).replicas[0]?.isolation, 'process');
  assert.equal((await daemon.control.info()).sandbox?.usable, true);
});

test('a sandboxed function reaches a server only with network: true', { skip }, async (t) => {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(t, () => void server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const daemon = await startDaemon(t);
  await deploySource(t, daemon, 'sealed', source, settings);
  await deploySource(t, daemon, 'open', source, { ...settings, network: true });
  const call = async (name: string): Promise<string> =>
    Buffer.from((await daemon.client.invoke(name, `connect ${address.port}`)).output).toString();
  assert.equal(await call('sealed'), 'ECONNREFUSED');
  assert.equal(await call('open'), 'connected');
});

test('a daemon that is killed leaves no sandbox, not even one that spins', { skip }, async (t) => {
  const daemon = await startDaemon(t);
  await deploySource(t, daemon, 'idle', source, settings);
  await deploySource(t, daemon, 'busy', source, settings);
  const spinning = daemon.client.invoke('busy', 'spin').catch((error: unknown) => error);
  await eventually('it spins', async () => (await daemon.control.describe('busy')).running === 1);
  const pids = descendantsOf(daemon.pid);
  assert.ok(pids.length >= 6, 'a monitor, a reaper and a replica for each function');
  await daemon.stop('SIGKILL');
  await spinning;
  await eventually('no process of a sandbox is left', () => !pids.some(isAlive));
});

test('without bubblewrap a sandbox is refused with the reason, and nothing else is', async (t) => {
  const environment = await withoutBubblewrap(t);
  const daemon = await startDaemon(t, { environment });
  const error = await refusal(deploySource(t, daemon, 'sealed', source, settings));
  assert.equal(error.code, 'FAILED_PRECONDITION');
  assert.match(error.message, /isolation: sandbox is not available on this host: bwrap is not installed .*isolation: process/);
  assert.deepEqual(await daemon.control.list(), []);
  await deploySource(t, daemon, 'echo', echoSource);
  const { sandbox } = await daemon.control.info();
  assert.equal(sandbox?.usable, false);
  assert.match(sandbox?.detail ?? '', /not installed/);
});

test('where bubblewrap has gone, only the function that needs it does not come back', { skip }, async (t) => {
  const first = await startDaemon(t);
  await deploySource(t, first, 'sealed', source, settings);
  await deploySource(t, first, 'echo', echoSource);
  await first.stop();
  const second = await startDaemon(t, { data: first.data, environment: await withoutBubblewrap(t) });
  await eventually('the other one is ready', async () => (await second.control.describe('echo')).summary?.state === 'ready');
  assert.equal(Buffer.from((await second.client.invoke('echo', 'hello')).output).toString(), 'hello');
  const { summary } = await second.control.describe('sealed');
  assert.equal(summary?.state, 'failed');
  assert.match(summary?.reason ?? '', /bwrap is not installed/);
});

test('a group for memory limits that cannot be used is no reason to go without', async (t) => {
  const daemon = await startDaemon(t, { args: ['--cgroup', '/nowhere'] });
  const error = await refusal(deploySource(t, daemon, 'limited', echoSource, { limits: { memory: '512MiB' } }));
  assert.equal(error.code, 'FAILED_PRECONDITION');
  assert.match(error.message, /limits\.memory cannot be enforced: the cgroup \/nowhere is not a memory cgroup/);
  await deploySource(t, daemon, 'free', echoSource);
});
