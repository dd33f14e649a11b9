import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { answerOf, deploySource, versionSource, writeFunction } from '../support/functions.js';
import { invokesClient } from '../support/invokes.js';
import { eventually, processesIn } from '../support/processes.js';
import { runCli } from '../support/programs.js';

const owner = { after };
const daemon = await startDaemon(owner);

/** How often each answer came. */
async function answers(on: TestDaemon, name: string, calls: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let call = 0; call < calls; call++) {
    const text = await answerOf(on, name).catch((error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '?'));
    counts[text] = (counts[text] ?? 0) + 1;
  }
  return counts;
}

/** Percent by revision. */
async function sharesOf(on: TestDaemon, name: string): Promise<Record<string, number>> {
  const { summary } = await on.control.describe(name);
  return Object.fromEntries((summary?.traffic ?? []).map(({ revision, percent }) => [revision, percent]));
}

test('dcf deploy --traffic gives the new revision its part, also after a restart, until it gets all', async (t) => {
  const own = await startDaemon(t);
  const { revision: one } = await deploySource(t, own, 'split', versionSource(1));
  const folder = await writeFunction(t, { name: 'split' }, { 'handler.ts': versionSource(2) });
  const deployed = await runCli(['deploy', folder, '--traffic', '10', '--json'], { url: own.url });
  assert.equal(deployed.code, 0, deployed.stderr);
  const { revision: two } = JSON.parse(deployed.stdout);
  assert.deepEqual(await sharesOf(own, 'split'), { [one]: 90, [two]: 10 });
  assert.deepEqual(await answers(own, 'split', 100), { 1: 90, 2: 10 });
  assert.equal((await own.control.describe('split')).summary?.revision, one, 'the active revision stays so');
  await own.stop('SIGKILL');
  const next = await startDaemon(t, { data: own.data });
  assert.deepEqual(await answers(next, 'split', 50), { 1: 45, 2: 5 });
  const shown = await runCli(['traffic', 'split', `${one}=25`, `${two}=75`], { url: next.url });
  assert.deepEqual([shown.code, shown.stdout.split('\n')[1]], [0, `${two}  75%      -        5      0`], shown.stderr);
  assert.deepEqual(await answers(next, 'split', 40), { 1: 10, 2: 30 });
  await next.control.setTraffic('split', [{ target: two, percent: 100 }]);
  assert.deepEqual(await answers(next, 'split', 10), { 2: 10 });
  const { summary, history } = await next.control.describe('split');
  assert.deepEqual([summary?.revision, summary?.traffic], [two, []]);
  assert.deepEqual(
    history.map(({ revision }) => revision),
    [one, two],
  );
  await eventually('the other one has ended', () => processesIn(next.data).length === 1);
});

test('a rollback while the traffic is split gives all of it back; a deploy takes all of it', async (t) => {
  await deploySource(t, daemon, 'halves', versionSource(1));
  await deploySource(t, daemon, 'halves', versionSource(2), { rollout: { traffic: 50 } });
  assert.deepEqual(await answers(daemon, 'halves', 10), { 1: 5, 2: 5 });
  await daemon.control.rollback('halves');
  assert.deepEqual(await answers(daemon, 'halves', 10), { 1: 10 });
  await deploySource(t, daemon, 'halves', versionSource(2), { rollout: { traffic: 50 } });
  await deploySource(t, daemon, 'halves', versionSource(3));
  assert.deepEqual(await answers(daemon, 'halves', 10), { 3: 10 });
});

test('the shares hold over every transport', async (t) => {
  await deploySource(t, daemon, 'dealt', versionSource(1));
  await deploySource(t, daemon, 'dealt', versionSource(2), { rollout: { traffic: 50 } });
  const overHttp: string[] = [];
  for (let call = 0; call < 10; call++) {
    const response = await fetch(`${daemon.http}/functions/dealt`, { method: 'POST', headers: { connection: 'close' } });
    overHttp.push(await response.text());
  }
  const stream = invokesClient(t, daemon.url)();
  for (let call = 0; call < 10; call++) await stream.write('dealt', '');
  stream.end();
  const { outputs } = await stream.ended;
  for (const texts of [overHttp, outputs.map(String)]) assert.deepEqual(texts.sort().join(''), '1111122222');
});

test('shares that are not possible change nothing', async (t) => {
  const { revision } = await deploySource(t, daemon, 'whole', versionSource(1), { rollout: { alias: 'prod' } });
  for (const [shares, code] of [
    [[{ target: 'prod', percent: 99 }], 'INVALID_ARGUMENT'],
    [[], 'INVALID_ARGUMENT'],
    [
      [
        { target: 'prod', percent: 50 },
        { target: revision, percent: 50 },
      ],
      'INVALID_ARGUMENT',
    ],
    [[{ target: 'next', percent: 100 }], 'NOT_FOUND'],
  ] as const)
    await assert.rejects(daemon.control.setTraffic('whole', shares), { code });
  await assert.rejects(deploySource(t, daemon, 'whole', versionSource(2), { rollout: { traffic: 0 } }), { code: 'INVALID_ARGUMENT' });
  await assert.rejects(deploySource(t, daemon, 'whole', versionSource(2), { rollout: { maxErrorRate: 5 } }), { code: 'INVALID_ARGUMENT' });
  assert.deepEqual([await sharesOf(daemon, 'whole'), (await daemon.control.describe('whole')).revisions.length], [{}, 1]);
});

test('a canary whose calls fail loses its share, on disk too, and it is said', async (t) => {
  const own = await startDaemon(t);
  const { revision: good } = await deploySource(t, own, 'watched', versionSource('good'));
  const broken = "let calls = 0; export class Handler { call() { if (++calls % 2 === 0) throw new Error('no'); return 'broken'; } }";
  const folder = await writeFunction(t, { name: 'watched' }, { 'handler.ts': broken });
  const { code, stdout } = await runCli(['deploy', folder, '--traffic', '50', '--canary-max-error-rate', '20', '--json'], { url: own.url });
  assert.equal(code, 0);
  const { revision: canary } = JSON.parse(stdout);
  // Every second call is the canary's, and every second of those fails: the twentieth is enough.
  assert.deepEqual(await answers(own, 'watched', 40), { good: 20, broken: 10, UNKNOWN: 10 });
  assert.deepEqual(await answers(own, 'watched', 20), { good: 20 });
  await eventually('it is on disk', async () => {
    const state = JSON.parse(await readFile(join(own.data, 'functions/watched/function.json'), 'utf8'));
    return state.traffic.length === 0 && state.canaryStop.revision === canary && state.active === good;
  });
  await eventually('its process has ended', () => processesIn(own.data).length === 1);
  const line = new RegExp(`the canary watched@${canary} has lost its share of the traffic: 10 of its last 20 calls failed`);
  assert.match(own.log(), line);
  const texts: string[] = [];
  for await (const entry of own.control.logs({ name: 'watched' })) texts.push(entry.text);
  assert.ok(
    texts.some((text) => line.test(text)),
    texts.join('\n'),
  );
  const described = await runCli(['describe', 'watched'], { url: own.url });
  assert.match(described.stdout, new RegExp(`${canary} lost its share: 10 of its last 20 calls failed, more than 20%`));
  await own.stop('SIGKILL');
  const next = await startDaemon(t, { data: own.data });
  assert.deepEqual(await answers(next, 'watched', 10), { good: 10 });
  assert.equal((await next.control.describe('watched')).canaryStop?.errors, 10);
});

test('a canary keeps its share while its callers give up and its errors stay below the limit', async (t) => {
  await deploySource(t, daemon, 'sound', versionSource('good'));
  const source = `let calls = 0;
export class Handler {
  call(request) {
    if (request.text() === 'wait') return new Promise((resolve) => request.signal.addEventListener('abort', () => resolve('')));
    if (++calls === 10) throw new Error('once');
    return 'canary';
  }
}`;
  await deploySource(t, daemon, 'sound', source, { concurrency: 20, rollout: { traffic: 50, maxErrorRate: 5 } });
  const controller = new AbortController();
  const outcomes = Array.from({ length: 40 }, () =>
    daemon.client.invoke('sound', 'wait', { signal: controller.signal }).then(
      () => 'answered',
      (error: { code: string }) => error.code,
    ),
  );
  await eventually('all of its calls wait', async () => (await daemon.control.describe('sound')).running === 20);
  controller.abort();
  assert.deepEqual((await Promise.all(outcomes)).toSorted(), [...Array(20).fill('CANCELLED'), ...Array(20).fill('answered')]);
  assert.deepEqual(await answers(daemon, 'sound', 60), { good: 30, canary: 29, UNKNOWN: 1 });
  assert.equal(Object.keys(await sharesOf(daemon, 'sound')).length, 2);
});
