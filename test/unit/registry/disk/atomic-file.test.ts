import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeFileAtomic } from '../../../../src/registry/disk/atomic-file.js';
import { temporaryDirectory } from '../../../support/cleanup.js';

test('a file is written whole, over the one before', async (t) => {
  const folder = await temporaryDirectory(t);
  await writeFileAtomic(join(folder, 'state'), 'old');
  await writeFileAtomic(join(folder, 'state'), 'new');
  assert.equal(await readFile(join(folder, 'state'), 'utf8'), 'new');
  assert.deepEqual(await readdir(folder), ['state']);
});

test('a write that fails leaves nothing behind', async (t) => {
  const folder = await temporaryDirectory(t);
  // A file cannot be renamed over a folder.
  await mkdir(join(folder, 'state'));
  await assert.rejects(writeFileAtomic(join(folder, 'state'), 'new'));
  assert.deepEqual(await readdir(folder), ['state']);
});
