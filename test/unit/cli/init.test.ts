import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { manifestJsonSchema } from '@dcf/sdk/manifest';
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

/** What the TypeScript compiler says of a folder; '' where it has nothing to say. */
async function compile(folder: string): Promise<string> {
  const compiler = fileURLToPath(new URL('../../../../node_modules/typescript/bin/tsc', import.meta.url));
  const child = spawn(process.execPath, [compiler, '--project', folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return said;
}

test('a new Node function has types that resolve before anything is installed, and the compiler says what is wrong', async (t) => {
  const cwd = await temporaryFolder(t);
  for (const template of templates) {
    assert.equal((await dcf(['init', template, '--template', template], { cwd })).code, 0);
    assert.equal(await compile(join(cwd, template)), '');
  }
  const handler = join(cwd, 'hello', 'handler.ts');
  await writeFile(handler, (await readFile(handler, 'utf8')).replace('request.text()', 'request.txet()'));
  assert.match(await compile(join(cwd, 'hello')), /Property 'txet' does not exist on type 'Request'/);
});

test('the schema that the first line of function.yaml names is there', async (t) => {
  const cwd = await temporaryFolder(t);
  for (const runtime of runtimes) {
    assert.equal((await dcf(['init', runtime, '--runtime', runtime], { cwd })).code, 0);
    const [, path] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(await readFile(join(cwd, runtime, 'function.yaml'), 'utf8')) ?? [];
    assert.ok(path !== undefined, runtime);
    const schema: unknown = JSON.parse(await readFile(join(cwd, runtime, path), 'utf8'));
    assert.deepEqual(schema, JSON.parse(JSON.stringify(manifestJsonSchema())));
  }
});
