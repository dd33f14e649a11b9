import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Client } from '@dcf/sdk';
import { cleanUp } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, versionSource } from '../support/functions.js';
import { eventually, processesIn } from '../support/processes.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--keep-warm', '1s'] });

/** Calls one after the other, each with a connection of its own among several, until `ended` says so. */
async function sequentialClient(name: string, ended: () => boolean): Promise<number[]> {
  const client = new Client(daemon.url);
  cleanUp(owner, () => client.close());
  const versions: number[] = [];
  while (!ended()) versions.push(Number(Buffer.from((await client.invoke(name, '')).output).toString()));
  return versions;
}

test('fifty deploys and rollbacks under load lose no call, and no client ever sees a revision go backwards', async (t) => {
  const settings = { concurrency: 2, queue: { maxSize: 1000 } };
  await deploySource(t, daemon, 'moving', versionSource(0), settings);
  let ended = false;
  const deploys = Promise.all(Array.from({ length: 6 }, () => sequentialClient('moving', () => ended)));
  try {
    for (let version = 1; version <= 30; version++) await deploySource(t, daemon, 'moving', versionSource(version), settings);
  } finally {
    ended = true;
  }
  const seen = await deploys;
  for (const versions of seen) {
    assert.ok(versions.length > 30, `only ${versions.length} calls`);
    const backwards = versions.findIndex((version, index) => version < (versions[index - 1] ?? 0));
    assert.equal(backwards, -1, `${versions[backwards - 1]} was followed by ${versions[backwards]}`);
  }
  ended = false;
  const rollbacks = Promise.all(Array.from({ length: 6 }, () => sequentialClient('moving', () => ended)));
  try {
    for (let count = 0; count < 20; count++) await daemon.control.rollback('moving');
  } finally {
    ended = true;
  }
  for (const versions of await rollbacks)
    assert.deepEqual(
      [...new Set(versions)].filter((version) => version < 29),
      [],
    );
  const { summary } = await daemon.control.describe('moving');
  assert.equal(summary?.errors, 0);
  assert.equal(
    summary?.calls,
    [...seen, ...(await rollbacks)].reduce((sum, versions) => sum + versions.length, 0),
    'every call is counted once',
  );
  await eventually('one process is left', () => processesIn(daemon.data).length === 1);
});
