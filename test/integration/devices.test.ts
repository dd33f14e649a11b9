import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { answerOf, deploySource } from '../support/functions.js';

const owner = { after };

/** A daemon on a host whose nvidia-smi tells of two devices. They are not there: what is tested is who gets which. */
const tools = await temporaryDirectory(owner);
const listing = [
  '0, NVIDIA H200, 143771, 570.86.15, GPU-11',
  '1, NVIDIA H200, 143771, 570.86.15, GPU-22',
  '2, NVIDIA H200, 143771, 570, GPU-33',
];
await writeFile(join(tools, 'nvidia-smi'), `#!/bin/sh\n${listing.map((line) => `echo '${line}'`).join('\n')}\n`, { mode: 0o755 });
const environment = { PATH: [tools, process.env['PATH']].join(delimiter), CUDA_VISIBLE_DEVICES: '0,1' };
const daemon = await startDaemon(owner, { environment });

const tellSource = `const { env } = process;
export class Handler {
  constructor(context) { this.devices = context.devices; }
  call() { return this.devices + ' ' + env.CUDA_VISIBLE_DEVICES + ' ' + env.CUDA_DEVICE_ORDER; }
}`;

async function devicesOf(name: string): Promise<string[]> {
  const { replicas } = await daemon.control.describe(name);
  return replicas.map(({ devices }) => devices.join(',')).sort();
}

test('replicas get their devices, least used first, and see no others', async (t) => {
  await deploySource(t, daemon, 'tell', tellSource, { limits: { gpu: 1 } });
  assert.equal(await answerOf(daemon, 'tell'), '0 0 PCI_BUS_ID');
  await deploySource(t, daemon, 'pair', tellSource, { limits: { gpu: 1 }, replicas: { min: 2, max: 2 } });
  assert.deepEqual(await devicesOf('pair'), ['0', '1']);
  await deploySource(t, daemon, 'both', tellSource, { limits: { gpu: 2 } });
  assert.equal(await answerOf(daemon, 'both'), '0,1 0,1 PCI_BUS_ID');
  await daemon.control.delete('pair');
  await deploySource(t, daemon, 'later', tellSource, { limits: { gpu: 1 } });
  assert.equal(await answerOf(daemon, 'later'), '1 1 PCI_BUS_ID');
  assert.deepEqual((await daemon.control.info()).devices, ['0: NVIDIA H200, 140.4 GiB', '1: NVIDIA H200, 140.4 GiB']);
});

test('a function that would use none sees none; one that wants more than there are is refused', async (t) => {
  await deploySource(t, daemon, 'plain', tellSource, { providers: ['cpu'] });
  assert.equal(await answerOf(daemon, 'plain'), '  PCI_BUS_ID');
  await assert.rejects(deploySource(t, daemon, 'greedy', tellSource, { limits: { gpu: 3 } }), {
    code: 'FAILED_PRECONDITION',
    message: /limits\.gpu is 3; this host has 2 devices/,
  });
});

test('on one device, Handlers are built one at a time: those of a replica, and those of other functions', async (t) => {
  const folder = await temporaryDirectory(t);
  // Each writes down when it begins and ends; two at a time would mix.
  const source = `import { appendFileSync } from 'node:fs';
export class Handler {
  async init() {
    appendFileSync(${JSON.stringify(join(folder, 'builds'))}, 'begin ');
    for (let turn = 0; turn < 300; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    appendFileSync(${JSON.stringify(join(folder, 'builds'))}, 'end ');
  }
  async call() { return (await import('node:fs')).readFileSync(${JSON.stringify(join(folder, 'builds'))}, 'utf8'); }
}`;
  await Promise.all(
    ['one', 'two', 'three'].map((name) => deploySource(t, daemon, name, source, { limits: { gpu: 2 }, threads: name === 'two' ? 3 : 1 })),
  );
  assert.equal((await answerOf(daemon, 'one')).trim(), Array(5).fill('begin end').join(' '));
});
