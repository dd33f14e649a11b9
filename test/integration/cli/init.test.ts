import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runtimeNames } from '@dcf/sdk/languages';
import { manifestJsonSchema } from '@dcf/sdk/manifest';
import { packFunction } from '@dcf/sdk/package';
import { templateFiles } from '../../../src/cli/local/templates.js';
import { templates } from '../../../src/languages/shared/language-templates.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { dcf } from './command-line.js';

test('every runtime and template gives a folder that packs as it stands', async (t) => {
  const cwd = await temporaryDirectory(t);
  for (const runtime of runtimeNames) {
    for (const template of templates) {
      const name = `${runtime}-${template}`;
      const { code, stdout, stderr } = await dcf(['init', name, '--runtime', runtime, '--template', template], { cwd });
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, new RegExp(`deploy it: dcf deploy ${name}`));
      const { manifest, files } = await packFunction(join(cwd, name));
      assert.deepEqual([manifest.name, manifest.runtime], [name, runtime]);
      const handler = runtime === 'node' ? ['handler.mjs', 'handler.mjs.map'] : ['handler.py'];
      assert.deepEqual(
        files.map((file) => file.path),
        ['function.yaml', ...handler],
      );
      for (const path of Object.keys(templateFiles(name, runtime, template).files)) await readFile(join(cwd, name, path));
    }
  }
});

test('a folder that is there already is taken where no file of it would be written over', async (t) => {
  const cwd = await temporaryDirectory(t);
  await mkdir(join(cwd, 'empty'));
  assert.equal((await dcf(['init', 'empty'], { cwd })).code, 0);
  const again = await dcf(['init', 'empty'], { cwd });
  assert.deepEqual([again.code, again.stdout], [1, '']);
  assert.match(again.stderr, /^dcf: empty\/function\.yaml, .* exist already: nothing was written; choose another name/);
  await mkdir(join(cwd, 'other'));
  await writeFile(join(cwd, 'other/handler.ts'), 'mine');
  const clash = await dcf(['init', 'other'], { cwd });
  assert.match(clash.stderr, /^dcf: other\/handler\.ts exists already/);
  assert.deepEqual(await readdir(join(cwd, 'other')), ['handler.ts']);
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
  const cwd = await temporaryDirectory(t);
  for (const template of templates) {
    assert.equal((await dcf(['init', template, '--template', template], { cwd })).code, 0);
    assert.equal(await compile(join(cwd, template)), '');
  }
  const handler = join(cwd, 'hello', 'handler.ts');
  await writeFile(handler, (await readFile(handler, 'utf8')).replace('request.text()', 'request.txet()'));
  assert.match(await compile(join(cwd, 'hello')), /Property 'txet' does not exist on type 'Request'/);
});

test('the schema that the first line of function.yaml names is there', async (t) => {
  const cwd = await temporaryDirectory(t);
  for (const runtime of runtimeNames) {
    assert.equal((await dcf(['init', runtime, '--runtime', runtime], { cwd })).code, 0);
    const [, path] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(await readFile(join(cwd, runtime, 'function.yaml'), 'utf8')) ?? [];
    assert.ok(path !== undefined, runtime);
    const schema: unknown = JSON.parse(await readFile(join(cwd, runtime, path), 'utf8'));
    assert.deepEqual(schema, JSON.parse(JSON.stringify(manifestJsonSchema())));
  }
});

test('init . takes the current folder and its name, and leaves what is in it', async (t) => {
  const cwd = join(await temporaryDirectory(t), '42 My Greeter (2)');
  await mkdir(cwd);
  await writeFile(join(cwd, 'notes.txt'), 'mine');
  await writeFile(join(cwd, '.gitignore'), 'mine');
  const { code, stdout, stderr } = await dcf(['init', '.'], { cwd });
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    /^my-greeter-2 is ready: function\.yaml, .*\nrun it: +dcf run --input examples\/\S+\ndeploy it: dcf deploy\ncall it: +dcf invoke my-greeter-2/,
  );
  assert.equal((await packFunction(cwd)).manifest.name, 'my-greeter-2');
  for (const kept of ['notes.txt', '.gitignore']) assert.equal(await readFile(join(cwd, kept), 'utf8'), 'mine');
  const nameless = join(await temporaryDirectory(t), '123');
  await mkdir(nameless);
  const refused = await dcf(['init', '.'], { cwd: nameless });
  assert.deepEqual([refused.code, await readdir(nameless)], [2, []]);
  assert.match(refused.stderr, /The name of this folder, "123", cannot be a function's name: use dcf init NAME/);
});
