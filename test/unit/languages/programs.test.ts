import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isProgram, programsOnPath } from '../../../src/languages/shared/programs.js';

test('programs are files that may be executed, in the order of the PATH', async (t) => {
  const home = await mkdtemp(join(await realpath(tmpdir()), 'dcf-programs-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const folders = ['first', 'folder', 'text', 'second'].map((name) => join(home, name));
  const [first = '', folder = '', text = '', second = ''] = folders.map((path) => join(path, 'uv'));
  for (const path of folders) await mkdir(path);
  for (const path of [first, text, second]) await writeFile(path, '');
  for (const path of [first, second]) await chmod(path, 0o755);
  await mkdir(folder);
  const path = [...folders, 'relative', '', ...folders].join(':');
  assert.deepEqual(await programsOnPath('uv', path), [first, second]);
  assert.deepEqual(await programsOnPath('uvx', path), []);
  const found = await Promise.all([first, folder, text, join(home, 'none')].map(isProgram));
  assert.deepEqual(found, [true, false, false, false]);
});
