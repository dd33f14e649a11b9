import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { parseManifestYaml } from '@dcf/sdk/manifest';
import { localEnvironment } from '../../../src/cli/local/local-environment.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { dcf } from './command-line.js';

const manifest = (text: string) => parseManifestYaml(`name: f\n${text}`, 'function.yaml');

test('.env goes before the manifest, and what the shell has under its names before both', async (t) => {
  const folder = await temporaryDirectory(t);
  const { environment } = manifest('environment: { A: manifest, B: manifest, C: manifest }');
  const read = () =>
    localEnvironment(manifest('environment: { A: manifest, B: manifest, C: manifest }'), folder, { B: 'shell', C: 'shell', PATH: '/bin' });
  assert.deepEqual(await read(), environment, 'without the file nothing of the shell comes in');
  await writeFile(
    join(folder, '.env'),
    '\uFEFF# local\r\nA=file\r\nexport B=file\nEMPTY=\nTEXT="two\\nlines # kept"\nRAW=\'$HOME \\n\' # a comment\n',
  );
  assert.deepEqual(await read(), { A: 'file', B: 'shell', C: 'manifest', EMPTY: '', TEXT: 'two\nlines # kept', RAW: '$HOME \\n' });
  await rm(join(folder, '.env'));
  await mkdir(join(folder, '.env'));
  assert.deepEqual(await read(), environment, 'a folder of that name is a virtual environment');
});

test('secrets: of the shell or of .env, a file of the latter from the folder on; what is missing is named', async (t) => {
  const folder = await temporaryDirectory(t);
  const wanted = manifest('secrets: [KEY, { name: KEY, file: true }, OTHER]');
  const refused = async (reason: RegExp): Promise<void> => {
    await assert.rejects(localEnvironment(wanted, folder, { OTHER: 'shell' }), { exitCode: 1, message: reason });
  };
  await refused(
    /^the secret KEY is missing: "dcf run" takes its value from the variable KEY, which is not set; set it, or write it into .*\/\.env, which is never sent$/,
  );
  await writeFile(join(folder, '.env'), 'KEY=value-of-key\nOTHER=file\n');
  await refused(/takes the path of its file from the variable KEY_FILE, which is not set/);
  await writeFile(join(folder, '.env'), 'KEY=value-of-key\nKEY_FILE=./keys/one\n');
  assert.deepEqual(await localEnvironment(wanted, folder, { OTHER: 'shell' }), {
    KEY: 'value-of-key',
    KEY_FILE: join(folder, 'keys/one'),
    OTHER: 'shell',
  });
  // What the shell says is meant from where one stands.
  const { KEY_FILE } = await localEnvironment(wanted, folder, { KEY_FILE: './own/one', OTHER: 'shell' });
  assert.equal(KEY_FILE, resolve('own/one'));
});

test('what no variable can be is refused without its value', async (t) => {
  const folder = await temporaryDirectory(t);
  for (const [content, reason] of [
    [`BIG=${'secret'.repeat(30_000)}`, /\.env: the variable BIG is not allowed; allowed: up to 128 KiB with its name/],
    ['NUL="secret\0"', /\.env: the variable NUL is not allowed; allowed: a text without NUL/],
    ['DCF_WORKERS=5', /\.env: the variable DCF_WORKERS is not allowed; allowed: another name/],
    [Buffer.from('A=secret\xff', 'latin1'), /\.env is not UTF-8 \(line 1\)/],
    [Buffer.from('\ufeffA=secret', 'utf16le'), /\.env is UTF-16/],
  ] as const) {
    await writeFile(join(folder, '.env'), content);
    await assert.rejects(localEnvironment(manifest(''), folder, {}), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, reason);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

test('dcf run gives a Handler what .env has, shows none of it, and no package has it', { timeout: 300_000 }, async (t) => {
  const folder = await temporaryDirectory(t);
  await writeFile(join(folder, 'function.yaml'), 'name: sample\nproviders: [cpu]\nsecrets: [API_KEY]\nenvironment: { MODE: deployed }\n');
  await writeFile(
    join(folder, 'handler.ts'),
    "import { readdirSync } from 'node:fs';\nexport class Handler { call() { return [process.env.API_KEY, process.env.MODE, readdirSync('.')]; } }\n",
  );
  await writeFile(join(folder, '.env'), 'API_KEY=k3y-0815\nMODE=local\n');
  const { code, stdout, stderr } = await dcf(['run', folder, '-v']);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout).slice(0, 2), ['k3y-0815', 'local']);
  assert.ok(!JSON.parse(stdout)[2].includes('.env') && !stderr.includes('k3y-0815'), stderr);
  const shell = await dcf(['run', folder], { env: { API_KEY: 'of the shell' } });
  assert.equal(JSON.parse(shell.stdout)[0], 'of the shell');
});
