import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { answerOf, deploySource } from '../support/functions.js';
import { eventually, isAlive } from '../support/processes.js';

const owner = { after };
const daemon = await startDaemon(owner);

const handler = `import { fork, type ChildProcess } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Request } from '@dcf/sdk';
import { ownFile } from './lib/self.js';

// What cluster.fork() starts unless it is told otherwise: the function's own file.
if (cluster.isWorker) process.send?.('the handler itself');

async function firstOf(started: Worker | ChildProcess, input?: unknown): Promise<unknown> {
  if (input !== undefined && started instanceof Worker) started.postMessage(input);
  const [answer] = await once(started, 'message');
  if (started instanceof Worker) await started.terminate();
  else if (started.connected) started.disconnect();
  return answer;
}

async function clustered(): Promise<unknown> {
  const peer = cluster.fork();
  const [answer] = await once(peer, 'message');
  peer.kill();
  await once(peer, 'exit');
  return answer;
}

const noisy: ChildProcess[] = [];

export class Handler {
  async call(request: Request): Promise<string | Uint8Array> {
    switch (request.text()) {
      case 'url': return String(await firstOf(new Worker(new URL('./lib/double.ts', import.meta.url)), 21));
      case 'path': return String(await firstOf(new Worker(fileURLToPath(new URL('./lib/double.js', import.meta.url))), 21));
      case 'joined': return String(await firstOf(new Worker(join(import.meta.dirname, 'lib', 'double.ts')), 21));
      case 'relative': return String(await firstOf(new Worker('./lib/double.js'), 21));
      case 'plain': return String(await firstOf(new Worker('./lib/plain.cjs')));
      case 'eval': return String(await firstOf(new Worker('require("node:worker_threads").parentPort.postMessage("inline")', { eval: true })));
      case 'self': return String(await firstOf(ownFile()));
      case 'fork': return String(await firstOf(fork(new URL('./lib/child.ts', import.meta.url))));
      case 'resolve': return String(await firstOf(fork(fileURLToPath(import.meta.resolve('./lib/child.ts')))));
      case 'cluster itself': return String(await clustered());
      case 'cluster':
        cluster.setupPrimary({ exec: join(import.meta.dirname, 'lib/child.ts') });
        return String(await clustered());
      case 'crash': {
        const worker = new Worker(new URL('./lib/crash.ts', import.meta.url));
        const [error] = await once(worker, 'error');
        const child = fork(new URL('./lib/crash.ts', import.meta.url));
        const [code] = await once(child, 'exit');
        return error.message + ', ' + code;
      }
      case 'noise':
        for (let index = 0; index < 2; index++) noisy.push(fork(new URL('./lib/noise.ts', import.meta.url)));
        new Worker(new URL('./lib/noise.ts', import.meta.url));
        return noisy.map(({ pid }) => pid).join(' ');
      case 'large': return new Uint8Array(2 ** 20).fill(90);
      default: throw new Error('no such command');
    }
  }
}
`;

const files = {
  'package.json': '{"type":"module"}',
  'lib/double.ts': `import { parentPort } from 'node:worker_threads';
import { double } from './maths.js';
console.log('a thread prints');
parentPort?.once('message', (value: number) => parentPort?.postMessage(double(value)));
`,
  'lib/maths.ts': 'export const double = (value: number): number => value * 2;\n',
  'lib/plain.cjs': "require('node:worker_threads').parentPort.postMessage(require('./plain.json').word);\n",
  'lib/plain.json': '{"word":"plain"}',
  'lib/self.ts': `import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
export const ownFile = (): Worker => new Worker(new URL(import.meta.url));
if (!isMainThread) parentPort?.postMessage(readFileSync(new URL('./plain.json', import.meta.url), 'utf8'));
`,
  'lib/child.ts': `import { readdirSync, readlinkSync } from 'node:fs';
console.log('a process prints');
const open = readdirSync('/proc/self/fd').filter((fd) => { try { return Number(fd) > 3 && readlinkSync('/proc/self/fd/' + fd).startsWith('socket:'); } catch { return false; } });
process.send?.('sockets: ' + open.length);
`,
  'lib/crash.ts': "throw new Error('of a child' as string);\n",
  'lib/noise.ts': `for (let line = 0; line < 200; line++) console.log('line', line as number);
setInterval(() => console.log('noise'), 2);
`,
};

async function logged(name: string, pattern: RegExp): Promise<void> {
  await eventually(`the log has ${pattern}`, async () => {
    for await (const { text } of daemon.control.logs({ name, tail: 1_000 })) if (pattern.test(text)) return true;
    return false;
  });
}

for (const threads of [1, 2]) {
  test(`a Handler's threads and processes, in a replica of ${threads} workers`, async (t) => {
    const name = `children-${threads}`;
    await deploySource(t, daemon, name, handler, { files, threads });
    const before = await daemon.control.describe(name);
    for (const [input, output] of [
      ['url', '42'],
      ['path', '42'],
      ['joined', '42'],
      ['relative', '42'],
      ['plain', 'plain'],
      ['eval', 'inline'],
      ['self', '{"word":"plain"}'],
      ['fork', 'sockets: 0'],
      ['resolve', 'sockets: 0'],
      ['cluster itself', 'the handler itself'],
      ['cluster', 'sockets: 0'],
      ['crash', 'of a child, 1'],
    ] as const) {
      assert.equal(await answerOf(daemon, name, { input }), output, input);
    }
    await logged(name, /^a thread prints$/);
    await logged(name, /^a process prints$/);
    const { replicas } = await daemon.control.describe(name);
    assert.deepEqual(
      replicas.map(({ pid }) => pid),
      before.replicas.map(({ pid }) => pid),
      'the crash of a child ends no replica',
    );
    await daemon.control.delete(name);
  });
}

test('what children print never mixes with replies, and they end with the replica', async (t) => {
  await deploySource(t, daemon, 'noisy', handler, { files });
  const pids = (await answerOf(daemon, 'noisy', { input: 'noise' })).split(' ').map(Number);
  await logged('noisy', /^noise$/);
  const expected = Buffer.alloc(2 ** 20, 90);
  for (let call = 0; call < 40; call++) {
    const { output } = await daemon.client.invoke('noisy', 'large');
    assert.ok(expected.equals(output), `call ${call}`);
  }
  assert.ok(pids.every(isAlive));
  await daemon.control.delete('noisy');
  await eventually('its children are gone', () => !pids.some(isAlive));
});
