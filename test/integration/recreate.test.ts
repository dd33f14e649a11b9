import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { DeployProgress } from '@dcf/sdk/control';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { answerOf, deploySource } from '../support/functions.js';
import { shutGate } from '../support/gate.js';
import { processesIn } from '../support/processes.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--keep-warm', '10m'] });

/** A Handler that cannot be built while the process of another one lives, however that ends: as with a model that fills the GPU. */
function exclusive(folder: string, version: string, init = ''): string {
  return `import { existsSync, readFileSync, writeFileSync } from 'node:fs';
const gpu = ${JSON.stringify(join(folder, 'gpu'))};
export class Handler {
  constructor() { if (existsSync(gpu) && lives(Number(readFileSync(gpu)))) throw new Error('the GPU is full'); writeFileSync(gpu, String(process.pid)); }
  async init() { ${init} }
  async call(request) { return ${JSON.stringify(version)} + request.text(); }
}
function lives(pid) { try { return process.kill(pid, 0); } catch { return false; } }`;
}

test('the old one ends before the new one starts; calls that come meanwhile wait, and none fails', async (t) => {
  const folder = await temporaryDirectory(t);
  const settings = { update: 'recreate', queue: { maxSize: 1000 } } as const;
  await deploySource(t, daemon, 'large', exclusive(folder, '0'), settings);
  let deploying = true;
  const caller = async (): Promise<string[]> => {
    const answers: string[] = [];
    while (deploying) answers.push(await answerOf(daemon, 'large'));
    return answers;
  };
  const callers = Promise.all([caller(), caller(), caller()]);
  const steps: string[] = [];
  const onProgress = (event: DeployProgress): void => void (event.kind === 'step' && event.done && steps.push(event.name));
  for (const version of ['1', '2', '3']) await deploySource(t, daemon, 'large', exclusive(folder, version), { ...settings, onProgress });
  await daemon.control.rollback('large');
  deploying = false;
  assert.deepEqual(steps.slice(0, 5), ['receive', 'prepare', 'drain', 'start', 'switch']);
  for (const answers of await callers) {
    const course = answers.filter((answer, index) => answer !== answers[index - 1]);
    assert.match(`${course.join('')} `, /^0?1?2?3?2? $/, 'no client sees an older revision after a newer one');
  }
  assert.equal(await answerOf(daemon, 'large'), '2');
  assert.equal(processesIn(daemon.data).length, 1);
});

test('a new one that does not become ready: the old one starts again and answers what waits', async (t) => {
  const folder = await temporaryDirectory(t);
  const gate = await shutGate(t);
  const { revision } = await deploySource(t, daemon, 'fallible', exclusive(folder, 'old '), { update: 'recreate' });
  const before = processesIn(daemon.data);
  let begun: () => void = () => undefined;
  const starting = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const broken = exclusive(folder, 'new', `${gate.wait} throw new Error('no room on the device');`);
  const deploying = deploySource(t, daemon, 'fallible', broken, {
    update: 'recreate',
    onProgress: (event) => void (event.kind === 'step' && event.name === 'start' && begun()),
  });
  await starting;
  const waiting = ['1', '2', '3'].map((input) => answerOf(daemon, 'fallible', { input }));
  await gate.open();
  await assert.rejects(deploying, (error: Error) => {
    assert.match(error.message, /no room on the device/);
    assert.ok(error.cause instanceof Error);
    assert.match(error.cause.stack ?? '', /handler\.ts:5/);
    return true;
  });
  assert.deepEqual(await Promise.all(waiting), ['old 1', 'old 2', 'old 3']);
  const { summary, revisions } = await daemon.control.describe('fallible');
  assert.deepEqual([summary?.revision, revisions.length], [revision, 1]);
  const now = processesIn(daemon.data);
  assert.equal(now.length, before.length);
  assert.notDeepEqual(now, before, 'it is another process');
});

test('it leaves no room to split the traffic', async (t) => {
  const folder = await temporaryDirectory(t);
  await deploySource(t, daemon, 'alone', exclusive(folder, '1'), { update: 'recreate' });
  const second = deploySource(t, daemon, 'alone', exclusive(folder, '2'), { update: 'recreate', rollout: { traffic: 10 } });
  await assert.rejects(second, { code: 'FAILED_PRECONDITION', message: /only one revision runs at a time/ });
  assert.equal(await answerOf(daemon, 'alone'), '1');
});
