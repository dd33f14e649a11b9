import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { childrenOf } from '../../src/process/process-tree.js';
import type { Owner } from '../support/cleanup.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { answerOf, deploySource, echoSource, versionSource } from '../support/functions.js';
import { eventually, isAlive, processesIn } from '../support/processes.js';

const skip = process.platform === 'linux' ? false : 'only Linux tells what a process has started';

function spawnerOf({ pid }: TestDaemon): number | undefined {
  return childrenOf(pid).find((child) => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('/spawner/main.js'));
}

/** Deploys a function until it is the spawner that has started its replica: at first the daemon does it itself. */
async function deploySpinner(owner: Owner, daemon: TestDaemon): Promise<{ spawner: number; replica: number }> {
  const source = 'export class Handler { call(request) { console.log("begun"); for (;;); } }';
  let attempt = 0;
  let replica: number | undefined;
  await eventually('the spawner starts a replica', async () => {
    attempt += 1;
    await deploySource(owner, daemon, 'spinner', source, { timeout: '5m', parameters: { attempt } });
    replica = childrenOf(spawnerOf(daemon) ?? 0).at(-1);
    return replica !== undefined;
  });
  return { spawner: spawnerOf(daemon) ?? 0, replica: replica ?? 0 };
}

async function begun(daemon: TestDaemon): Promise<void> {
  await eventually('the call runs', async () => (await daemon.control.describe('spinner')).running === 1);
}

test('SIGKILL of the spawner, and then of the daemon, leaves no replica behind, not even one that spins', { skip }, async (t) => {
  const daemon = await startDaemon(t);
  const { spawner, replica } = await deploySpinner(t, daemon);
  const spinning = daemon.client.invoke('spinner', '').catch(() => 'failed');
  await begun(daemon);
  process.kill(spawner, 'SIGKILL');
  await eventually('it is told', () => daemon.log().includes('the spawner has ended'));
  await deploySource(t, daemon, 'echo', echoSource);
  assert.equal(await answerOf(daemon, 'echo', { input: 'hello' }), 'hello');
  assert.ok(isAlive(replica));

  let successor: number | undefined;
  let version = 0;
  await eventually('another spawner starts a replica', async () => {
    version += 1;
    await deploySource(t, daemon, 'versions', versionSource(version));
    assert.equal(await answerOf(daemon, 'versions'), String(version));
    successor = spawnerOf(daemon);
    return childrenOf(successor ?? 0).length > 0;
  });
  assert.notEqual(successor, spawner);
  assert.ok(isAlive(replica));
  assert.equal(await daemon.stop('SIGKILL'), 'SIGKILL');
  await eventually('all of them are gone', () => processesIn(daemon.data).length === 0 && !isAlive(successor ?? 0));
  assert.equal(await spinning, 'failed');
});
