import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { packFunction } from '@dcf/sdk/package';
import { runtimes, templateFiles, templates } from '../../../src/cli/templates.js';
import { dcf, temporaryFolder } from './command-line.js';

test('every runtime and template gives a folder that packs as it stands', async (t) => {
  const cwd = await temporaryFolder(t);
  for (const runtime of runtimes) {
    for (const template of templates) {
      const name = `${runtime}-${template}`;
      const { code, stdout, stderr } = await dcf(['init', name, '--runtime', runtime, '--template', template], { cwd });
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, new RegExp(`deploy it: dcf deploy ${name}`));
      const { manifest, files } = await packFunction(join(cwd, name));
      assert.deepEqual([manifest.manifest.name, manifest.manifest.runtime], [name, runtime]);
      const handler = runtime === 'node' ? ['handler.mjs', 'handler.mjs.map'] : ['handler.py'];
      assert.deepEqual(
        files.map((file) => file.path),
        ['function.yaml', ...handler],
      );
      for (const path of Object.keys(templateFiles(name, runtime, template).files)) await readFile(join(cwd, name, path));
    }
  }
});

test('a folder that is there already: an empty one is taken, another one is left as it is', async (t) => {
  const cwd = await temporaryFolder(t);
  await mkdir(join(cwd, 'empty'));
  assert.equal((await dcf(['init', 'empty'], { cwd })).code, 0);
  const again = await dcf(['init', 'empty'], { cwd });
  assert.deepEqual([again.code, again.stdout], [1, '']);
  assert.match(again.stderr, /the folder empty is not empty: take another name/);
  await writeFile(join(cwd, 'file'), 'mine');
  const file = await dcf(['init', 'file'], { cwd });
  assert.equal(file.code, 1);
  assert.match(file.stderr, /file is a file/);
  assert.equal(await readFile(join(cwd, 'file'), 'utf8'), 'mine');
});
