import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { DeployProgress } from '@dcf/sdk/control';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { answerOf, deploySource, versionSource } from '../support/functions.js';
import { processesIn } from '../support/processes.js';

/** What is left in a data directory that no start and no deploy may leave. */
async function leftovers(data: string): Promise<string[]> {
  const entries = await readdir(data, { recursive: true });
  return entries.filter((entry) => /\.staging-|\.tmp$/.test(entry));
}

/** Starts a daemon where another was killed: it is whole, and in one of the states that are allowed. */
async function cameBack(t: TestContext, { data }: TestDaemon, allowed: readonly string[]): Promise<void> {
  const next = await startDaemon(t, { data });
  const answer = await answerOf(next, 'crashed');
  assert.ok(allowed.includes(answer), `it answers ${answer}`);
  assert.deepEqual(await leftovers(data), []);
  const { summary, revisions } = await next.control.describe('crashed');
  assert.equal(summary?.state, 'ready');
  assert.equal(revisions.find(({ active }) => active)?.revision, summary?.revision);
  if (process.platform === 'linux') assert.equal(processesIn(data).length, 1);
  const folders = (await readdir(join(data, 'functions/crashed'))).filter((entry) => /^[0-9a-f]{16}$/.test(entry));
  assert.deepEqual(folders.sort(), revisions.map(({ revision }) => revision).sort(), 'no folder is left of what was not deployed');
  await deploySource(t, next, 'crashed', versionSource('next'));
  assert.equal(await answerOf(next, 'crashed'), 'next');
  await next.stop();
}

/** Kills the daemon at the first event for which `at` holds; resolves when it is dead. */
async function killAt(
  daemon: TestDaemon,
  change: (onProgress: (event: DeployProgress) => void) => Promise<unknown>,
  at: (event: DeployProgress) => boolean,
) {
  let killed = false;
  const changed = change((event) => {
    if (killed || !at(event)) return;
    killed = true;
    process.kill(daemon.pid, 'SIGKILL');
  });
  await changed.catch(() => undefined);
  assert.ok(killed, 'the event never came');
  await daemon.stop('SIGKILL');
}

describe('SIGKILL of the daemon leaves the old revision or the new one', () => {
  for (const update of ['rolling', 'recreate'] as const) {
    const steps = ['receive', 'prepare', ...(update === 'recreate' ? ['drain'] : []), 'start', 'switch'];
    for (const step of steps) {
      for (const done of [false, true]) {
        test(`update: ${update}, when ${step} ${done ? 'is done' : 'begins'}`, async (t) => {
          const daemon = await startDaemon(t);
          await deploySource(t, daemon, 'crashed', versionSource('old'), { update });
          await killAt(
            daemon,
            (onProgress) => deploySource(t, daemon, 'crashed', versionSource('new'), { update, onProgress }),
            (event) => event.kind === 'step' && event.name === step && event.done === done,
          );
          const past = step === 'switch' ? ['old', 'new'] : ['old'];
          await cameBack(t, daemon, step === 'switch' && done ? ['new'] : past);
        });
      }
    }
  }

  test('of a first deploy, none or all of it', async (t) => {
    const daemon = await startDaemon(t);
    await killAt(
      daemon,
      (onProgress) => deploySource(t, daemon, 'crashed', versionSource('new'), { onProgress }),
      (event) => event.kind === 'step' && event.name === 'start' && event.done,
    );
    const next = await startDaemon(t, { data: daemon.data });
    assert.ok((await next.control.list()).length <= 1);
    assert.deepEqual(await leftovers(daemon.data), []);
    await deploySource(t, next, 'crashed', versionSource('next'));
    assert.equal(await answerOf(next, 'crashed'), 'next');
  });

  test('of a rollback, too', async (t) => {
    const daemon = await startDaemon(t);
    for (const version of ['old', 'new']) await deploySource(t, daemon, 'crashed', versionSource(version));
    await killAt(
      daemon,
      (onProgress) => daemon.control.rollback('crashed', { onProgress }),
      (event) => event.kind === 'step' && event.name === 'switch' && !event.done,
    );
    await cameBack(t, daemon, ['old', 'new']);
  });
});
