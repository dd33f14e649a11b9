import assert from 'node:assert/strict';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { explainPackage } from '@dcf/sdk/package';
import { refused, sampleFolder } from '../../support/sdk-package/sample-folder.js';

const python = { 'function.yaml': 'name: sample\nruntime: python\n', 'handler.py': 'class Handler: pass\n' };

/** What a package of these files has besides the two that every one of them has, and why each other one is out. */
async function explain(folder: string): Promise<{ sent: string[]; out: Record<string, string> }> {
  const { packed, leftOut } = await explainPackage(folder);
  const sent = packed.files.map((file) => file.path).filter((path) => !(path in python));
  return { sent, out: Object.fromEntries(leftOut.map(({ path, reason }) => [path, reason])) };
}

test('what is no part of a function stays out: environments, caches, secrets, the files of editors', async (t) => {
  const folder = await sampleFolder(t, {
    ...python,
    'kept.txt': '',
    'environment.py': '',
    'venv.py': '',
    '.hidden': '',
    'lib/__pycache__/x.cpython-311.pyc': '',
    'lib/y.pyc': '',
    'lib/z.py': '',
    '.env': 'KEY=secret',
    '.env.local': '',
    'lib/.env': '',
    '.envrc': '',
    'venv/bin/python': '',
    '.venv/pyvenv.cfg': '',
    'my-environment/pyvenv.cfg': '',
    'my-environment/lib/site.py': '',
    '.git/HEAD': '',
    '.hg/x': '',
    '.svn/x': '',
    '.jj/x': '',
    'node_modules/x/index.js': '',
    'lib/node_modules/x/index.js': '',
    '.mypy_cache/x': '',
    '.pytest_cache/x': '',
    '.ruff_cache/x': '',
    '.ipynb_checkpoints/x': '',
    '.cache/x': '',
    '.hypothesis/x': '',
    '.tox/x': '',
    '.nox/x': '',
    '.coverage': '',
    '.eslintcache': '',
    '.parcel-cache/x': '',
    '.turbo/x': '',
    'a.tsbuildinfo': '',
    'npm-debug.log': '',
    'npm-debug.log.1': '',
    '.DS_Store': '',
    '._kept.txt': '',
    'Thumbs.db': '',
    'desktop.ini': '',
    '.#handler.py': '',
    '.idea/x': '',
    '.handler.py.swp': '',
    'handler.py~': '',
    '#handler.py#': '',
    '.vscode/settings.json': '',
  });
  const { sent, out } = await explain(folder);
  assert.deepEqual(sent, ['.hidden', 'environment.py', 'kept.txt', 'lib/z.py', 'venv.py']);
  assert.equal(out['.env'], 'left out by default ("!.env" in .dcfignore takes it in)');
  assert.equal(out['lib/y.pyc'], 'left out by default ("!*.py[co]" in .dcfignore takes it in)');
  assert.match(out['my-environment/'] ?? '', /^a virtual environment of Python, left out by default \("!my-environment\/"/);
  assert.ok('venv/' in out && !('venv/bin/python' in out), 'a folder is told once');
});

test('a negation takes in what is out by default, and only what it names', async (t) => {
  const folder = await sampleFolder(t, {
    ...python,
    '.dcfignore': '!.env.example\n!/venv/\n!x.pyc\n!my/\n',
    '.env': '',
    '.env.example': '',
    'x.pyc': '',
    'venv/a.txt': '',
    'venv/y.pyc': '',
    'lib/venv/a.txt': '',
    'my/pyvenv.cfg': '',
  });
  const { sent, out } = await explain(folder);
  assert.deepEqual(sent, ['.env.example', 'lib', 'my/pyvenv.cfg', 'venv/a.txt', 'x.pyc'], 'lib is an empty folder then');
  assert.deepEqual(Object.keys(out), ['.dcfignore', '.env', 'lib/venv/', 'venv/y.pyc']);
});

test('nothing but some files, as git does it with * and !*/: what is out by default stays out', async (t) => {
  const folder = await sampleFolder(t, {
    ...python,
    '.dcfignore': '*\n!*/\n!*.py\n!lib/**\n',
    'notes.txt': '',
    'lib/a.txt': '',
    'lib/__pycache__/a.pyc': '',
    '.venv/x.py': '',
    'node_modules/x/x.py': '',
  });
  const { sent, out } = await explain(folder);
  assert.deepEqual(sent, ['lib/a.txt']);
  assert.equal(out['notes.txt'], '"*" in .dcfignore, line 1');
  assert.match(out['.venv/'] ?? '', /by default/);
});

test('./name is the name beside the file; blanks, comments, CRLF, a byte order mark and characters with a meaning', async (t) => {
  const folder = await sampleFolder(t, {
    ...python,
    '.dcfignore': '\uFEFF./a.txt\r\n# ./b.txt\r\n\r\n!./lib/a.txt\r\n././lib/c.txt\r\nd  \r\n\\#e\r\nf[0].txt\r\n./data/\r\nodd./x\r\n',
    'a.txt': '',
    'b.txt': '',
    'lib/a.txt': '',
    'lib/c.txt': '',
    d: '',
    '#e': '',
    'f0.txt': '',
    'f[0].txt': '',
    'data/x': '',
    'lib/data/x': '',
    'odd./x': '',
    'odd/x': '',
  });
  const { sent, out } = await explain(folder);
  assert.deepEqual(sent, ['b.txt', 'f[0].txt', 'lib/a.txt', 'lib/data/x', 'odd.', 'odd/x']);
  assert.equal(out['a.txt'], '"./a.txt" in .dcfignore, line 1');
  assert.equal(out['lib/c.txt'], '"././lib/c.txt" in .dcfignore, line 5');
});

test('a .dcfignore in a folder counts there, before those above it, and is not sent', async (t) => {
  const folder = await sampleFolder(t, {
    ...python,
    '.dcfignore': '*.log\n/top.txt\nbuild/\n',
    'lib [1]/.dcfignore': '!keep.log\n/top.txt\n*.txt\n!deep/*.txt\n!build/\n/here.md\n',
    'keep.log': '',
    'top.txt': '',
    'build/x': '',
    'other/top.txt': '',
    'lib [1]/keep.log': '',
    'lib [1]/other.log': '',
    'lib [1]/top.txt': '',
    'lib [1]/build/x': '',
    'lib [1]/here.md': '',
    'lib [1]/deep/here.md': '',
    'lib [1]/deep/top.txt': '',
    'lib [1]/deeper/deep/a.txt': '',
    'lib 1/a.txt': '',
  });
  const { sent, out } = await explain(folder);
  assert.deepEqual(sent, [
    'lib 1/a.txt',
    'lib [1]/build/x',
    'lib [1]/deep/here.md',
    'lib [1]/deep/top.txt',
    'lib [1]/deeper/deep',
    'lib [1]/keep.log',
    'other/top.txt',
  ]);
  assert.equal(out['lib [1]/top.txt'], '"*.txt" in lib [1]/.dcfignore, line 3');
  assert.equal(out['lib [1]/other.log'], '"*.log" in .dcfignore, line 1');
  assert.equal(out['lib [1]/.dcfignore'], 'it lists what is left out');
});

test('a resource is in although a .dcfignore above leaves it out; its own .dcfignore and the defaults count', async (t) => {
  const folder = await sampleFolder(t, {
    ...python,
    'function.yaml': 'name: sample\nruntime: python\nresources: { model: ./.cache/model, secret: .env }\n',
    '.dcfignore': '*.bin\n.cache/\n!__pycache__\n',
    '.env': '',
    '.cache/other': '',
    '.cache/model/.dcfignore': 'notes/\n',
    '.cache/model/a.bin': '',
    '.cache/model/.attributes': '',
    '.cache/model/.git/HEAD': '',
    '.cache/model/.cache/x': '',
    '.cache/model/notes/x': '',
    '.cache/model/sub/__pycache__/x': '',
    '.cache/model/sub/empty/.DS_Store': '',
  });
  const { sent, out } = await explain(folder);
  assert.deepEqual(sent, [
    '.cache/model/.attributes',
    '.cache/model/a.bin',
    '.cache/model/sub/__pycache__/x',
    '.cache/model/sub/empty',
    '.env',
  ]);
  assert.ok('.cache/' in out && !('.env' in out));
});

test('links: one that is left out is no matter, and a rule for folders is meant for it too', async (t) => {
  const folder = await sampleFolder(t, { ...python, '.dcfignore': 'shared/\n' });
  await symlink('/etc', join(folder, 'shared'));
  await symlink('/etc', join(folder, 'venv'));
  assert.deepEqual((await explain(folder)).sent, []);
  await symlink('/etc', join(folder, 'other'));
  await refused(folder, /other is a symbolic link: put the file itself there, or list the link in \.dcfignore/);
});

test('a file of text that is no UTF-8 is refused by name, with its line', async (t) => {
  const folder = await sampleFolder(t, python);
  for (const [name, bytes, reason] of [
    ['.dcfignore', Buffer.from('*.log\n\xe4.txt\n', 'latin1'), /\.dcfignore is not UTF-8 \(line 2\): save it as UTF-8/],
    ['.dcfignore', Buffer.from('\ufeff*.log\n', 'utf16le'), /\.dcfignore is UTF-16: save it as UTF-8/],
    ['function.yaml', Buffer.from('\ufeffname: sample\n', 'utf16le'), /function\.yaml is UTF-16: save it as UTF-8/],
    ['function.yaml', Buffer.from('name: sample\ndescription: Gr\xfc\xdfe\n', 'latin1'), /function\.yaml is not UTF-8 \(line 2\)/],
  ] as const) {
    await writeFile(join(folder, name), bytes);
    await refused(folder, reason);
    await writeFile(join(folder, '.dcfignore'), '');
  }
});
