import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DcfError } from '../../../src/core/errors.js';
import { supportOf } from '../../../src/languages/languages.js';
import { findPython, usefulLine } from '../../../src/languages/python/interpreter.js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { noPython, testPython } from '../../support/pythons.js';

const skip = noPython;

/** A folder with a program; it alone is on the PATH, besides the shell's own, while the test runs. */
async function onPath(t: TestContext, programs: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryDirectory(t);
  const before = process.env['PATH'];
  const folders: string[] = [];
  for (const [path, script] of Object.entries(programs)) {
    const file = join(folder, path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
    folders.push(join(file, '..'));
  }
  process.env['PATH'] = folders.join(':');
  t.after(() => {
    process.env['PATH'] = before;
  });
  return folder;
}

const reporting = (version: string, tag = 'cpython-38'): string =>
  `echo '${JSON.stringify({ executable: '/old/python', tag, version, folders: [] })}'`;

async function refusal(version: string | undefined, fallback = 'python-of-test'): Promise<string> {
  const error: unknown = await findPython({ version, fallback }).then(
    () => assert.fail('one was found'),
    (thrown: unknown) => thrown,
  );
  assert.ok(DcfError.is(error) && error.code === 'FAILED_PRECONDITION', String(error));
  return error.message;
}

test('none, too old, none of ours, and one that does not start: each says what was looked for and found', async (t) => {
  const folder = await onPath(t, {
    'a/python-old': reporting('3.8.18'),
    'a/python-pypy': reporting('3.10.1', 'pypy310'),
    'a/python-shim': 'echo "pyenv: python-shim: command not found" >&2; exit 127',
    'a/python-rubbish': 'echo hello',
    'a/python3.10': reporting('3.8.18'),
  });
  assert.equal(
    await refusal(undefined, 'python-none'),
    "runtime: python needs python-none (set by --python), and it is not on the daemon's PATH. Install Python 3.9 or newer, or name another program with --python",
  );
  assert.match(await refusal(undefined, '/nowhere/python'), /needs \/nowhere\/python .* there is no such program/);
  assert.match(await refusal('3.99'), /^python: "3\.99" asks for python3\.99, and it is not on the daemon's PATH\. Install Python 3\.99/);
  assert.equal(
    await refusal(undefined, 'python-old'),
    `runtime: python needs python-old (set by --python); found: ${folder}/a/python-old is Python 3.8.18, too old: 3.9 or newer is needed`,
  );
  assert.match(await refusal('3.10'), /python3\.10 is Python 3\.8\.18, too old/);
  assert.match(await refusal(undefined, 'python-pypy'), /is pypy310: only CPython is supported/);
  assert.match(await refusal(undefined, 'python-shim'), /python-shim does not work: pyenv: python-shim: command not found/);
  assert.match(await refusal(undefined, 'python-rubbish'), /does not work/);
  const support = await supportOf('python', { python: 'python-old' });
  assert.equal(support.usable, false);
  assert.match(support.detail, /too old/);
});

test('a shim that has nothing to start is passed over for the next program of that name', { skip }, async (t) => {
  const { executable, version } = await testPython();
  await onPath(t, { 'a/python-second': 'exit 127', 'b/python-second': `exec ${executable} "$@"` });
  const found = await findPython({ version: undefined, fallback: 'python-second' });
  assert.deepEqual([found.executable, found.version], [executable, version]);
  assert.match(found.tag, /^cpython-3\d+$/);
});

test('what was missing is looked for again', async (t) => {
  const folder = await onPath(t, { 'a/python-later': 'exit 1' });
  await refusal(undefined, 'python-later');
  await writeFile(join(folder, 'a/python-later'), `#!/bin/sh\n${reporting('3.12.1', 'cpython-312')}\n`);
  assert.equal((await findPython({ version: undefined, fallback: 'python-later' })).version, '3.12.1');
});

test('what the daemon has for interpreters in its environment stops none', { skip }, async (t) => {
  const { executable, version } = await testPython();
  await onPath(t, { 'a/python-with-settings': `exec ${executable} "$@"` });
  const settings = {
    PYTHONHOME: '/nowhere',
    PYTHONPATH: '/nowhere',
    PYTHONSTARTUP: '/nowhere/startup.py',
    PYTHONINSPECT: '1',
    PYTHONEXECUTABLE: '/nowhere/python',
    PYTHONIOENCODING: 'no-such-encoding',
    PYTHONPLATLIBDIR: 'nowhere',
    PYTHONWARNINGS: 'error',
    PYTHONVERBOSE: '1',
    VIRTUAL_ENV: '/nowhere',
    __PYVENV_LAUNCHER__: '/nowhere/python',
  };
  const before = { ...process.env };
  Object.assign(process.env, settings);
  t.after(() => {
    process.env = before;
  });
  const found = await findPython({ version: undefined, fallback: 'python-with-settings' });
  assert.deepEqual([found.executable, found.version], [executable, version]);
});

const badHome = [
  "Python path configuration:\n  PYTHONHOME = '/nowhere'\n  sys.path = [\n    '/nowhere/lib/python311.zip',\n  ]",
  'Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding',
  'Python runtime state: core initialized',
  "ModuleNotFoundError: No module named 'encodings'",
  '\nCurrent thread 0x00007f4024068b80 (most recent call first):\n  <no Python frame>\n',
].join('\n');

for (const [what, stderr, line] of [
  [
    'an interpreter without its library',
    badHome,
    "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding (ModuleNotFoundError: No module named 'encodings')",
  ],
  ['a traceback', 'Traceback (most recent call last):\n  File "x.py", line 1\nImportError: no zlib\n', 'ImportError: no zlib'],
  [
    'a shim',
    "pyenv: python3.10: command not found\n\nThe `python3.10' command exists in these Python versions:\n  3.10.13\n",
    'pyenv: python3.10: command not found',
  ],
  ['a heading and what it is about', 'Problems:\n  the disk is full\n', '  the disk is full'],
  ['a heading alone', 'Usage:\n', 'Usage:'],
  ['nothing', '\n', undefined],
] as const) {
  test(`the line that says why: ${what}`, () => assert.equal(usefulLine(stderr), line));
}
