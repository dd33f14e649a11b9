import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, cp, link, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyFolderMode, packFunction } from '@dcf/sdk/package';
import { madeText, pathsOf, refused, sampleFolder, smallest } from '../../support/sdk-package/sample-folder.js';

test('a small function: its files, sorted, with size and SHA-256', async (t) => {
  const folder = await sampleFolder(t, { ...smallest, 'data/b.txt': 'b', 'data/a.txt': 'a', 'run.sh': '#!/bin/sh\n' });
  await chmod(join(folder, 'run.sh'), 0o777);
  await chmod(join(folder, 'data/a.txt'), 0o600);
  const { manifest, files } = await packFunction(folder);
  assert.deepEqual(manifest.given, { name: 'sample', handler: 'handler.mjs#Handler' });
  assert.deepEqual(manifest.handler, { path: 'handler.mjs', name: 'Handler' });
  assert.deepEqual(
    files.map(({ path, mode }) => [path, mode.toString(8)]),
    [
      ['data/a.txt', '644'],
      ['data/b.txt', '644'],
      ['function.yaml', '644'],
      ['handler.mjs', '644'],
      ['handler.mjs.map', '644'],
      ['run.sh', '755'],
    ],
  );
  for (const { path, size, sha256, source } of files) {
    if (path !== 'data/a.txt') continue;
    assert.deepEqual(
      [size, sha256, source],
      [1, createHash('sha256').update('a').digest('hex'), { kind: 'disk', path: join(folder, path) }],
    );
  }
});

test('the same folder in another place, written in another order, gives the same bytes', async (t) => {
  const files = {
    ...smallest,
    'z.txt': 'z',
    'a/b.txt': 'b',
    'lib/c.js': 'export const c = 1;',
    'handler.ts': "import { c } from './lib/c.js';\nexport class Handler { call() { return c; } }\n",
  };
  const first = await sampleFolder(t, files);
  const second = join(await sampleFolder(t, {}), 'deep', 'er');
  await mkdir(second, { recursive: true });
  for (const [path, content] of Object.entries(files).reverse()) {
    await mkdir(join(second, path, '..'), { recursive: true });
    await writeFile(join(second, path), content);
  }
  const third = `${first}-copy`;
  await cp(first, third, { recursive: true });
  t.after(() => import('node:fs/promises').then(({ rm }) => rm(third, { recursive: true })));
  const digests = [];
  for (const folder of [first, second, third, first]) {
    const packed = await packFunction(folder);
    digests.push(packed.files.map(({ path, mode, size, sha256 }) => [path, mode, size, sha256]));
    assert.ok(
      !madeText(packed, 'handler.mjs').includes(folder) && !madeText(packed, 'handler.mjs.map').includes(folder),
      'no absolute path',
    );
  }
  for (const digest of digests) assert.deepEqual(digest, digests[0]);
});

test('a relative folder, and one reached through a link, pack like the folder itself', async (t) => {
  const folder = await sampleFolder(t, smallest);
  const before = process.cwd();
  process.chdir(folder);
  t.after(() => process.chdir(before));
  assert.deepEqual(await pathsOf('.'), await pathsOf(folder));
});

test('--set changes the manifest that is sent, and is checked like the rest of it', async (t) => {
  const folder = await sampleFolder(t, { ...smallest, 'function.yaml': 'name: sample\nreplicas: { min: 1 }\n' });
  const { manifest } = await packFunction(folder, { overrides: [{ path: ['replicas', 'min'], value: 2 }] });
  assert.deepEqual(manifest.given, { name: 'sample', replicas: { min: 2 }, handler: 'handler.mjs#Handler' });
  await assert.rejects(packFunction(folder, { overrides: [{ path: ['replicas', 'min'], value: 'x' }] }), /replicas\.min/);
});

test('.dcfignore keeps files out, and node_modules, .git and itself always stay out', async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    '.dcfignore': '*.log\n/notes/\n!keep.log\nCASE.txt\n',
    'a.log': '',
    'keep.log': '',
    'notes/x.txt': '',
    'deep/notes/x.txt': '',
    'case.txt': '',
    'node_modules/x/index.js': '',
    'deep/node_modules/x/index.js': '',
    '.git/HEAD': '',
    'x.js.map': '',
  });
  assert.deepEqual(await pathsOf(folder), [
    'case.txt',
    'deep/notes/x.txt',
    'function.yaml',
    'handler.mjs',
    'handler.mjs.map',
    'keep.log',
    'x.js.map',
  ]);
});

test('empty folders are kept, in the package and in resources; bundled sources leave none behind', async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    'function.yaml': 'name: sample\nresources: { all: ./data/../data// }\n',
    'handler.ts': "import { a } from './src/a.js';\nexport class Handler { call() { return a; } }\n",
    'src/a.ts': 'export const a = 1;\n',
    'data/x': 'x',
    '.dcfignore': 'logs/*\n',
    'logs/old': '',
  });
  for (const path of ['empty', 'deep/er/empty', 'data/none']) await mkdir(join(folder, path), { recursive: true });
  const { files } = await packFunction(folder);
  const empty = files.filter((file) => file.mode === emptyFolderMode);
  assert.deepEqual(
    empty.map(({ path, size, sha256 }) => [path, size, sha256]),
    ['data/none', 'deep/er/empty', 'empty', 'logs'].map((path) => [path, 0, createHash('sha256').digest('hex')]),
  );
  assert.equal(files.length, empty.length + 4);
});

test('names with blanks and in any script, files without bytes, hard links, read-only files, a byte order mark in package.json', async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    'two words.txt': '',
    '日本/ü.txt': 'ü',
    'package.json': '\uFEFF{"type":"module"}',
    'tsconfig.json': '\uFEFF{"compilerOptions":{}}',
    'handler.ts': '\uFEFFexport class Handler {}\n',
  });
  await link(join(folder, '日本/ü.txt'), join(folder, 'again.txt'));
  await chmod(join(folder, 'again.txt'), 0o400);
  const { files } = await packFunction(folder);
  assert.deepEqual(
    files.filter(({ path }) => path.endsWith('.txt')).map(({ path, mode, size }) => [path, mode, size]),
    [
      ['again.txt', 0o644, 2],
      ['two words.txt', 0o644, 0],
      ['日本/ü.txt', 0o644, 2],
    ],
  );
});

test('a Python function is sent as it is', async (t) => {
  const folder = await sampleFolder(t, {
    'function.yaml': 'name: sample\nruntime: python\n',
    'handler.py': 'class Handler: pass\n',
    'lib/util.py': '',
    'lib/__pycache__/util.cpython-311.pyc': '',
    '.venv/pyvenv.cfg': '',
  });
  const { manifest, files } = await packFunction(folder);
  assert.deepEqual(manifest.given, { name: 'sample', runtime: 'python' });
  assert.deepEqual(
    files.map((file) => file.path),
    ['function.yaml', 'handler.py', 'lib/util.py'],
  );
});

test('no function.yaml, no folder, a file for a folder', async (t) => {
  const folder = await sampleFolder(t, { 'handler.ts': '' });
  await refused(folder, /function\.yaml: there is no such file; "dcf init/);
  await refused(join(folder, 'nowhere'), /nowhere: there is no such file or folder \(ENOENT\)/);
  await refused(join(folder, 'handler.ts'), /is a file/);
});

test('the handler file: missing, outside, a folder, of the wrong kind', async (t) => {
  const folder = await sampleFolder(t, { 'dir.ts/x': '' });
  const cases: [string, RegExp][] = [
    ['name: sample\n', /function\.yaml: handler: "handler\.ts": there is no such file/],
    ['name: sample\nhandler: ../x.ts\n', /handler: "\.\.\/x\.ts" has "\.\."/],
    ['name: sample\nhandler: /x.ts\n', /absolute/],
    ['name: sample\nhandler: dir.ts\n', /is a folder/],
    ['name: sample\nhandler: handler.py\n', /runtime is node/],
    ['name: sample\nruntime: python\nhandler: handler.ts\n', /runtime is python, so it must end in \.py/],
    ['name: sample\nruntime: python\n', /handler: "handler\.py": there is no such file/],
  ];
  for (const [manifest, reason] of cases) {
    await writeFile(join(folder, 'function.yaml'), manifest);
    await refused(folder, reason);
  }
});

test('digests are right beyond one read buffer, and memory stays bounded', { timeout: 120_000 }, async (t) => {
  const folder = await sampleFolder(t, { ...smallest, 'function.yaml': 'name: sample\nresources: { model: ./model.bin }\n' });
  const megabyte = Buffer.alloc(2 ** 20, 'weights');
  const megabytes = 256;
  const expected = createHash('sha256');
  const file = await open(join(folder, 'model.bin'), 'w');
  for (let index = 0; index < megabytes; index++) {
    await file.write(megabyte);
    expected.update(megabyte);
  }
  await file.close();
  const before = process.memoryUsage().rss;
  let peak = before;
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const { files } = await packFunction(folder);
  clearInterval(sampler);
  const model = files.find((candidate) => candidate.path === 'model.bin');
  assert.deepEqual([model?.size, model?.sha256], [megabytes * 2 ** 20, expected.digest('hex')]);
  assert.ok(peak - before < 64 * 2 ** 20, `grew by ${Math.round((peak - before) / 2 ** 20)} MiB`);
});
