import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathsOf, refused, sampleFolder, smallest } from '../../support/sdk-package/sample-folder.js';

test('symbolic links are refused by name: to a file, to a folder, dangling, and the special files themselves', async (t) => {
  for (const [name, target] of [
    ['link.txt', 'handler.ts'],
    ['folder-link', '/tmp'],
    ['dangling', 'nowhere'],
    ['sub/link', '../..'],
  ] as const) {
    const folder = await sampleFolder(t, { ...smallest, 'sub/x': '' });
    await symlink(target, join(folder, name));
    await refused(folder, new RegExp(`${name} is a symbolic link`));
  }
  for (const name of ['handler.ts', 'function.yaml', '.dcfignore', 'package.json']) {
    const folder = await sampleFolder(t, smallest);
    await rm(join(folder, name), { force: true });
    await writeFile(join(folder, 'other'), 'name: sample\n');
    await symlink('other', join(folder, name));
    await refused(folder, new RegExp(`${name} is a symbolic link`));
  }
});

test('a link that is ignored does no harm', async (t) => {
  const folder = await sampleFolder(t, { ...smallest, '.dcfignore': 'link\n' });
  await symlink('/etc', join(folder, 'link'));
  await symlink('/etc', join(folder, 'node_modules'));
  assert.deepEqual(await pathsOf(folder), ['function.yaml', 'handler.mjs', 'handler.mjs.map']);
});

test('pipes and sockets are refused by name, and nothing blocks on them', {
  skip: process.platform === 'win32' ? 'it takes POSIX' : false,
  timeout: 30_000,
}, async (t) => {
  const folder = await sampleFolder(t, smallest);
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await refused(folder, /pipe is a socket, a pipe or a device/);
  await rm(join(folder, 'pipe'));
  const server = createServer().listen(join(folder, 'socket'));
  t.after(() => server.close());
  await once(server, 'listening');
  await refused(folder, /socket is a socket, a pipe or a device/);
  const asManifest = await sampleFolder(t, {});
  execFileSync('mkfifo', [join(asManifest, 'function.yaml')]);
  await refused(asManifest, /function\.yaml is not a file/);
});

test('names that a package cannot carry', { skip: process.platform === 'linux' ? false : 'it takes Linux' }, async (t) => {
  for (const [name, reason] of [
    ['a\\b', /backslash/],
    ['a\nb', /control character/],
  ] as const) {
    await refused(await sampleFolder(t, { ...smallest, [name]: '' }), reason);
  }
  const long = await sampleFolder(t, { ...smallest, [`${'d'.repeat(200)}/${'e'.repeat(200)}/${'f'.repeat(200)}`]: '' });
  await refused(long, /602 bytes long: up to 512/);
  const bytes = await sampleFolder(t, smallest);
  await writeFile(Buffer.concat([Buffer.from(join(bytes, 'bad-')), Buffer.from([0xff])]), '');
  await refused(bytes, /not valid UTF-8/);
});

test('names that differ in case or Unicode form only', { skip: process.platform === 'linux' ? false : 'it takes Linux' }, async (t) => {
  await refused(await sampleFolder(t, { ...smallest, 'Data.txt': '', 'data.txt': '' }), /Data\.txt and data\.txt differ only in case/);
  await refused(await sampleFolder(t, { ...smallest, é: '', 'e\u0301': '' }), /differ only in case or Unicode form/);
});

test('more than 20,000 files', { timeout: 120_000 }, async (t) => {
  const folder = await sampleFolder(t, smallest);
  await mkdir(join(folder, 'many'));
  for (let index = 0; index < 20_001; index++) await writeFile(join(folder, 'many', String(index)), '');
  await refused(folder, /more than 20000 files: list what the function does not need in \.dcfignore/);
  await writeFile(join(folder, '.dcfignore'), 'many/\n');
  assert.equal((await pathsOf(folder)).length, 3);
});

test('resources: missing, outside, absolute, linked, empty, of another scheme, with the wrong digest', async (t) => {
  const folder = await sampleFolder(t, { ...smallest, 'model.onnx': 'weights', 'dir/x': '' });
  await symlink('model.onnx', join(folder, 'linked.onnx'));
  await symlink('dir', join(folder, 'linked'));
  await mkdir(join(folder, 'empty'));
  await writeFile(join(folder, '.dcfignore'), 'linked*\n');
  const cases: [string, RegExp][] = [
    ['./none.onnx', /resources\.model: "none\.onnx": no such file or folder/],
    ['../model.onnx', /resources\.model: "\.\.\/model\.onnx" has "\.\."/],
    ['dir/../../x', /"\.\."/],
    ['/etc/passwd', /absolute/],
    ['linked.onnx', /linked\.onnx is a symbolic link/],
    ['linked/x', /linked is a symbolic link/],
    ['./empty', /empty folder/],
    ['http://host/model', /or an https:\/\/ address with its sha256/],
    ['file:///etc/passwd', /or an https:\/\/ address with its sha256/],
    [`{ source: model.onnx, sha256: ${'a'.repeat(64)} }`, /model\.onnx has the SHA-256 .* but function\.yaml wants aaaa/],
    [`{ source: dir, sha256: ${'a'.repeat(64)} }`, /is a folder, but sha256/],
  ];
  for (const [resource, reason] of cases) {
    await writeFile(join(folder, 'function.yaml'), `name: sample\nresources:\n  model: ${resource}\n`);
    await refused(folder, reason);
  }
});

test('resources: a file, a folder, one that is ignored, one with its digest; https passes untouched', async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    '.dcfignore': 'weights/\n*.onnx\n',
    'model.onnx': 'weights',
    'other.onnx': '',
    'weights/a/1.bin': '',
    'weights/b.onnx': '',
  });
  const digest = createHash('sha256').update('weights').digest('hex');
  await writeFile(
    join(folder, 'function.yaml'),
    `name: sample\nresources:\n  model: { source: ./model.onnx, sha256: ${digest} }\n  all: ./weights/\n  far: { source: https://host.example/x.onnx, sha256: ${digest} }\n`,
  );
  assert.deepEqual(await pathsOf(folder), [
    'function.yaml',
    'handler.mjs',
    'handler.mjs.map',
    'model.onnx',
    'weights/a/1.bin',
    'weights/b.onnx',
  ]);
});
