import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Owner } from './cleanup.js';
import type { TestDaemon } from './daemon.js';
import { deploySource } from './functions.js';
import { assertNoMistakes } from './mistakes.js';
import { eventually, processesIn } from './processes.js';

/** A function that was deployed before and must not notice what is refused after it. */
export interface Victim {
  /** Throws unless it answers, and everything is described, stored and running, as at first. */
  unchanged: () => Promise<void>;
}

/** Deploys the function `victim` with a resource, and remembers all that must stay as it is. */
export async function deployVictim(owner: Owner, daemon: TestDaemon): Promise<Victim> {
  const source = "export class Handler { call() { return 'the old one'; } }";
  await deploySource(owner, daemon, 'victim', source, { files: { 'weights.bin': 'old weights' }, resources: { weights: 'weights.bin' } });
  const before = await seen(daemon);
  return {
    unchanged: async () => {
      // Who gave up is told before what was made for it is removed. What stays different, the comparison tells better.
      const asBefore = eventually('all is as before', async () => isDeepStrictEqual(await seen(daemon), before));
      await asBefore.catch(() => undefined);
      assert.deepEqual(await seen(daemon), before);
      const { output } = await daemon.client.invoke('victim', '');
      assert.equal(Buffer.from(output).toString(), 'the old one');
      assertNoMistakes(daemon.log());
    },
  };
}

async function seen(daemon: TestDaemon) {
  const listed = (await daemon.control.list()).map((summary) => ({ ...summary, calls: 0 }));
  const { revisions, replicas, manifest } = await daemon.control.describe('victim');
  const workers = replicas.map(({ id, pid, state }) => ({ id, pid, state }));
  const kept = revisions.map((revision) => ({ ...revision, calls: 0 }));
  return { listed, revisions: kept, workers, manifest, files: await filesOf(daemon.data), processes: processesIn(daemon.data) };
}

/** All files and folders but the logs, the counts of calls, which come when they come, and the whole blobs: those may be of use to a later deploy. */
async function filesOf(data: string): Promise<string[]> {
  const entries = await readdir(data, { recursive: true, withFileTypes: true });
  return entries
    .map((entry) => relative(data, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter(
      (path) =>
        !path.startsWith('logs/') &&
        !/\/calls\.json(\.tmp)?$/.test(path) &&
        !/^blobs\/sha256\/[0-9a-f]{64}$/.test(path) &&
        !path.startsWith('node_modules/'),
    )
    .sort();
}
