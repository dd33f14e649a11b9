import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { runDaemon, startDaemon } from '../support/daemon.js';
import { answerOf, echoSource } from '../support/functions.js';
import { oldClient } from '../support/old-client.js';

const owner = { after };
const top = await temporaryDirectory(owner);
const packages = join(top, 'packages');
const outside = join(top, 'outside');
async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries({ 'function.yaml': '{"name":"any"}', 'handler.ts': echoSource, ...files }))
    await writeFile(join(folder, name), text);
}

await write(join(packages, 'good'), {});
await write(outside, { 'secret.json': '{"key":"sesame"}' });
const daemon = await startDaemon(owner, { args: ['--packages', packages] });
const call = await oldClient(owner, daemon.url);

async function refusal(image: string, Service = 'taken-from-outside'): Promise<string> {
  const answer = await call('Deploy', { Service, Image: image });
  assert.equal(answer.code, 'INVALID_ARGUMENT', `${image}: ${JSON.stringify(answer)}`);
  assert.deepEqual(await daemon.control.list(), []);
  return 'details' in answer ? answer.details : '';
}

test('only a path below the folder is an image', async () => {
  const explained = /^Image ".*": .*; give NAME@REVISION of a function on this daemon, or a folder below its --packages DIR$/;
  for (const image of ['', '.', '..', '/', '../outside', 'good/../../outside', outside, 'good\\x', 'a\0b', 'C:/x', 'x'.repeat(5000)]) {
    assert.match(await refusal(image), explained, JSON.stringify(image));
  }
  assert.match(await refusal('keti/echo:latest'), /^keti\/echo:latest: there is no such file or folder \(ENOENT\)/);
  assert.match(await refusal('good/handler.ts'), /^good\/handler\.ts is a file/);
});

test('an image that looks like a revision has to be one', async () => {
  const explained = /^Image ".*": there is no such revision; give NAME@REVISION/;
  for (const image of ['nobody@0123456789abcdef', 'good@', '@', 'UPPER@prod', 'a@b@c'])
    assert.match(await refusal(image), explained, image);
});

test('a link never leads out of the folder', async () => {
  await symlink(outside, join(packages, 'link'));
  assert.match(await refusal('link'), /^link is a link to a folder outside of the one from which functions may be packed$/);
  await write(join(packages, 'linked-handler'), { 'more.ts': '' });
  await symlink(join(outside, 'secret.json'), join(packages, 'linked-handler', 'data.json'));
  assert.match(await refusal('linked-handler'), /^linked-handler\/data\.json is a symbolic link/);
  await write(join(packages, 'linked-folder'), {});
  await symlink(outside, join(packages, 'linked-folder', 'more'));
  assert.match(await refusal('linked-folder'), /^linked-folder\/more is a symbolic link/);
});

test('neither does an import or a resource', async () => {
  const sources = {
    relative: "import secret from '../../outside/secret.json'; export class Handler { call() { return secret; } }",
    absolute: `import secret from ${JSON.stringify(join(outside, 'secret.json'))}; export class Handler { call() { return secret; } }`,
    linked: "import secret from './inner/secret.json'; export class Handler { call() { return secret; } }",
    required: "const secret = require('../../outside/secret.json'); exports.Handler = class { call() { return secret; } };",
  };
  for (const [name, source] of Object.entries(sources)) await write(join(packages, name), { 'handler.ts': source, '.dcfignore': 'inner' });
  await symlink(outside, join(packages, 'linked', 'inner'));
  for (const name of Object.keys(sources)) {
    const details = await refusal(name);
    assert.match(details, /the imported file is outside of the folder from which functions may be packed/, name);
    assert.doesNotMatch(details, /sesame/);
  }
  await write(join(packages, 'resource'), { 'function.yaml': '{"name":"any","resources":{"key":"../../outside/secret.json"}}' });
  assert.match(await refusal('resource'), /resources\.key: .*must not lead out of the folder/);
});

test('what functions of the folder share may be imported, and links within it followed', async (t) => {
  await write(join(packages, 'shared'), { 'text.ts': "export const text = 'shared text';" });
  await write(join(packages, 'uses-shared'), {
    'handler.ts': "import { text } from '../shared/text.js'; export class Handler { call() { return text; } }",
  });
  await symlink(join(packages, 'uses-shared'), join(packages, 'current'));
  const answer = await call('Deploy', { Service: 'sharing', Image: 'current' });
  t.after(() => call('Delete', { FunctionName: 'sharing' }));
  assert.equal(answer.code, 'OK', JSON.stringify(answer));
  assert.equal(await answerOf(daemon, 'sharing'), 'shared text');
});

test('two that are packed at once do not disturb each other, and no bundler is left', async (t) => {
  const names = ['first', 'second', 'third'];
  t.after(async () => {
    for (const FunctionName of names) await call('Delete', { FunctionName });
  });
  const answers = await Promise.all(names.map((Service) => call('Deploy', { Service, Image: 'good' })));
  assert.deepEqual(
    answers.map(({ code }) => code),
    ['OK', 'OK', 'OK'],
  );
  assert.deepEqual(childrenOf(daemon.pid, 'esbuild'), []);
});

test('without the folder of packages a path is no image, and a wrong one keeps the daemon from starting', async (t) => {
  const plain = await startDaemon(t);
  const ask = await oldClient(t, plain.url);
  const answer = await ask('Deploy', { Service: 'x', Image: 'good' });
  assert.deepEqual(answer, {
    code: 'INVALID_ARGUMENT',
    details: 'Image "good": this daemon was started without --packages DIR; give NAME@REVISION of a function on this daemon',
  });
  const data = join(await temporaryDirectory(t), 'data');
  const wrong = runDaemon(t, ['--data', data, '--grpc', '127.0.0.1:0', '--packages', join(top, 'nowhere')]);
  assert.equal(await wrong.ended, 1);
  assert.match(wrong.log(), /the folder of packages \S+nowhere cannot be used \(--packages DIR\): .*no such file/);
});

/** The processes of that name whose parent is this one. */
function childrenOf(parent: number, name: string): string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8');
      return status.includes(`\nPPid:\t${parent}\n`) && status.startsWith(`Name:\t${name}\n`);
    } catch {
      return false;
    }
  });
}
