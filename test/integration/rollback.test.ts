import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { DeployProgress } from '@dcf/sdk/control';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { answerOf, deploySource, versionSource } from '../support/functions.js';
import { shutGate } from '../support/gate.js';
import { eventually, isAlive, processesIn } from '../support/processes.js';
import { runCli } from '../support/programs.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--keep-warm', '10m'] });

/** Deploys versions 1, 2 … and gives their revisions. */
async function deployVersions(t: { after: (clean: () => void) => void }, on: TestDaemon, name: string, count: number): Promise<string[]> {
  const revisions: string[] = [];
  for (let version = 1; version <= count; version++) revisions.push((await deploySource(t, on, name, versionSource(version))).revision);
  return revisions;
}

/** The process of a revision. */
async function processOf(name: string, revision: string): Promise<number | undefined> {
  return (await daemon.control.describe(name)).replicas.find((replica) => replica.revision === revision)?.pid;
}

test('dcf rollback goes back to the revision before, and once more forward again; --to goes anywhere', async (t) => {
  const [one = '', two = '', three = ''] = await deployVersions(t, daemon, 'toggled', 3);
  const rollback = (...args: string[]) => runCli(['rollback', 'toggled', ...args], { url: daemon.url });
  const first = await rollback();
  assert.deepEqual([first.code, first.stdout], [0, `toggled@${two} is active\n`], first.stderr);
  assert.equal(await answerOf(daemon, 'toggled'), '2');
  assert.equal((await rollback()).stdout, `toggled@${three} is active\n`);
  assert.equal(await answerOf(daemon, 'toggled'), '3');
  assert.equal(JSON.parse((await rollback('--to', one, '--json')).stdout).revision, one);
  assert.equal(await answerOf(daemon, 'toggled'), '1');
  assert.match((await rollback('--to', one)).stdout, /was active already: nothing has changed/);
  const { history, revisions } = await daemon.control.describe('toggled');
  assert.deepEqual(
    history.map(({ revision }) => revision),
    [one, two, three, two, three, one],
  );
  assert.deepEqual(
    revisions.filter(({ active }) => active).map(({ revision, percent }) => [revision, percent]),
    [[one, 100]],
  );
});

test('the revision before stays warm: a rollback starts nothing', async (t) => {
  const [one = '', two = ''] = await deployVersions(t, daemon, 'warm', 2);
  const before = await processOf('warm', one);
  assert.ok(before !== undefined && isAlive(before));
  const states = (await daemon.control.describe('warm')).revisions.map(({ revision, state }) => [revision, state]);
  assert.deepEqual(states, [
    [one, 'warm'],
    [two, 'ready'],
  ]);
  const steps: string[] = [];
  await daemon.control.rollback('warm', { onProgress: (event) => void (event.kind === 'step' && steps.push(event.name)) });
  assert.deepEqual(steps, ['switch', 'switch']);
  assert.equal(await processOf('warm', one), before);
  assert.equal(await answerOf(daemon, 'warm'), '1');
  await deploySource(t, daemon, 'warm', versionSource(3));
  const { revisions } = await daemon.control.describe('warm');
  assert.deepEqual(
    revisions.map(({ state }) => state),
    ['', 'warm', 'ready'],
    'one is kept warm, and no more',
  );
});

test('it is warm for --keep-warm, and not at all where an update recreates', async (t) => {
  const brief = await startDaemon(t, { args: ['--keep-warm', '50ms'] });
  await deployVersions(t, brief, 'brief', 2);
  await eventually('the revision before has no process', () => processesIn(brief.data).length === 1);
  await brief.control.rollback('brief');
  assert.equal(await answerOf(brief, 'brief'), '1');
  for (const version of [1, 2]) await deploySource(t, daemon, 'large', versionSource(version), { update: 'recreate' });
  const { revisions } = await daemon.control.describe('large');
  assert.deepEqual(
    revisions.map(({ state }) => state),
    ['', 'ready'],
  );
});

test('after SIGKILL it starts the revision before, first, and knows it by the history', async (t) => {
  const first = await startDaemon(t);
  const [one = '', two = ''] = await deployVersions(t, first, 'kept', 2);
  await first.stop('SIGKILL');
  const second = await startDaemon(t, { data: first.data });
  assert.equal(await answerOf(second, 'kept'), '2');
  const steps: string[] = [];
  const onProgress = (event: DeployProgress): void => void (event.kind === 'step' && event.done && steps.push(event.name));
  assert.deepEqual(await second.control.rollback('kept', { onProgress }), { function: 'kept', revision: one, changed: true });
  assert.deepEqual(steps, ['prepare', 'start', 'switch']);
  await second.stop('SIGKILL');
  const third = await startDaemon(t, { data: first.data });
  assert.equal(await answerOf(third, 'kept'), '1');
  assert.equal((await third.control.rollback('kept')).revision, two);
});

test('a rollback that is not possible changes nothing, and says why', async (t) => {
  const flag = join(await temporaryDirectory(t), 'broken');
  const fragile = `import { existsSync } from 'node:fs';
export class Handler {
  init() { if (existsSync(${JSON.stringify(flag)})) throw new Error('the weights are gone'); }
  call() { return 'fragile'; }
}`;
  const own = await startDaemon(t);
  await deploySource(t, own, 'stuck', fragile);
  await assert.rejects(own.control.rollback('stuck'), { code: 'FAILED_PRECONDITION', message: /none to roll back to/ });
  await assert.rejects(own.control.rollback('stuck', { to: 'prod' }), { code: 'NOT_FOUND', message: /no revision and no alias "prod"/ });
  await assert.rejects(own.control.rollback('nobody'), { code: 'NOT_FOUND' });
  const { revision } = await deploySource(t, own, 'stuck', versionSource(2));
  await writeFile(flag, '');
  const failed = await runCli(['rollback', 'stuck'], { url: own.url });
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /the weights are gone\n.*handler\.ts:3/s);
  assert.match(failed.stderr, new RegExp(`Nothing has changed: stuck@${revision} is still the active revision\\.`));
  assert.equal(await answerOf(own, 'stuck'), '2');
  assert.equal(processesIn(own.data).length, 1);
  await rm(flag);
  await own.control.rollback('stuck');
  assert.equal(await answerOf(own, 'stuck'), 'fragile');
});

test('while one change is under way, another is refused', async (t) => {
  const gate = await shutGate(t);
  await deployVersions(t, daemon, 'busy', 2);
  const slow = `export class Handler {
  async init() { ${gate.wait} }
  call() { return 'slow'; }
}`;
  let begun: () => void = () => undefined;
  const starting = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const deploying = deploySource(t, daemon, 'busy', slow, {
    onProgress: (event) => void (event.kind === 'step' && event.name === 'start' && begun()),
  });
  await starting;
  for (const change of [
    () => daemon.control.rollback('busy'),
    () => daemon.control.scale('busy', { min: 2 }),
    () => daemon.control.delete('busy'),
  ])
    await assert.rejects(change(), { code: 'ABORTED', message: /another change of busy is running/ });
  assert.equal(await answerOf(daemon, 'busy'), '2');
  await gate.open();
  await deploying;
  assert.equal(await answerOf(daemon, 'busy'), 'slow');
});
