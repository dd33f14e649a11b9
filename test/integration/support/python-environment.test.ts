import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../../support/cleanup.js';
import { pythonEnvironment, type WantedEnvironment } from '../../support/python-environment.js';
import { lacksModules, noPython, testPython } from '../../support/pythons.js';
import { makeWheel } from '../../support/wheels.js';

const run = promisify(execFile);
const skip = noPython || lacksModules('venv', 'pip');

interface SetUp extends WantedEnvironment {
  folder: string;
  lines: string[];
}

/** A lock file of one package, which is in a folder and in no registry. */
async function setUp(t: TestContext): Promise<SetUp> {
  const folder = await temporaryDirectory(t);
  const base = await testPython();
  const { file, bytes } = await makeWheel(base.executable, 'tiny', '1.0.0', { 'tiny/__init__.py': 'answer = 42\n' });
  await mkdir(join(folder, 'wheels'));
  await writeFile(join(folder, 'wheels', file), bytes);
  const lock = join(folder, 'requirements.lock');
  await writeFile(lock, `tiny==1.0.0 --hash=sha256:${createHash('sha256').update(bytes).digest('hex')}\n`);
  const lines: string[] = [];
  // A PATH without uv, which is the quicker of the two and the simpler.
  const variables = { PATH: '/usr/bin:/bin', PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(folder, 'wheels') };
  return { folder, lines, base, cache: join(folder, 'cache'), lock, variables, onOutput: (line) => lines.push(line) };
}

async function answerOf(executable: string): Promise<string> {
  return (await run(executable, ['-c', 'import tiny; print(tiny.answer)'])).stdout.trim();
}

test('an environment is made once, by whichever of several is the first, and made anew when it no longer works', { skip }, async (t) => {
  const wanted = await setUp(t);
  const [one, other] = await Promise.all([pythonEnvironment(wanted), pythonEnvironment(wanted)]);
  assert.equal(one.executable, other.executable);
  assert.equal(await answerOf(one.executable), '42');
  assert.equal((await readdir(wanted.cache)).length, 2);
  const { length } = wanted.lines;
  assert.deepEqual(await pythonEnvironment(wanted), { executable: one.executable, extraProblem: undefined });
  assert.equal(wanted.lines.length, length);
  await rm(one.executable);
  const again = await pythonEnvironment(wanted);
  assert.notEqual(again.executable, one.executable);
  assert.equal(await answerOf(again.executable), '42');
});

test('another lock file has another environment, and what nobody has used for long goes', { skip }, async (t) => {
  const wanted = await setUp(t);
  const { executable } = await pythonEnvironment(wanted);
  await utimes(dirname(dirname(executable)), 0, 0);
  await writeFile(wanted.lock, '');
  const empty = await pythonEnvironment(wanted);
  await assert.rejects(answerOf(empty.executable), /No module named 'tiny'/);
  await assert.rejects(answerOf(executable), { code: 'ENOENT' });
});

test('packages that cannot be had are told with the reason, and nothing is left', { skip }, async (t) => {
  const wanted = await setUp(t);
  await writeFile(wanted.lock, `tiny==1.0.0 --hash=sha256:${'0'.repeat(64)}\n`);
  await assert.rejects(pythonEnvironment(wanted), /^Error: pip did not install requirements\.lock: it ended with 1: .*HASH/);
  const { PIP_NO_INDEX: _, ...variables } = wanted.variables;
  const closed = { ...variables, PIP_FIND_LINKS: '', PIP_INDEX_URL: 'http://127.0.0.1:1/simple', PIP_RETRIES: '1' };
  await assert.rejects(pythonEnvironment({ ...wanted, variables: closed }), /no registry answers \(ERROR: No matching distribution/);
  assert.deepEqual(await readdir(wanted.cache), []);
});

test('an environment is of use without the extra packages', { skip }, async (t) => {
  const wanted = await setUp(t);
  const [requirements, lock] = [join(wanted.folder, 'extra.txt'), join(wanted.folder, 'extra.lock')];
  await writeFile(requirements, 'large==1.0.0\n');
  await writeFile(lock, '');
  const extra = { requirements, lock, advice: 'ask the librarian', uvOptions: [] };
  const { executable, extraProblem } = await pythonEnvironment({ ...wanted, extra });
  assert.equal(await answerOf(executable), '42');
  assert.match(extraProblem ?? '', /No matching distribution found for large==1\.0\.0; ask the librarian$/);
  assert.equal((await pythonEnvironment({ ...wanted, extra })).executable, executable);
  assert.equal((await pythonEnvironment(wanted)).executable, executable);
  const { file, bytes } = await makeWheel(wanted.base.executable, 'large', '1.0.0', { 'large/__init__.py': '' });
  await writeFile(join(wanted.folder, 'wheels', file), bytes);
  const full = await pythonEnvironment({ ...wanted, extra });
  assert.equal(full.extraProblem, undefined);
  await run(full.executable, ['-c', 'import large, tiny']);
});

test('a Python without pip brings one into the environment, and one that cannot says what to install', {
  skip: skip || lacksModules('ensurepip'),
}, async (t) => {
  const wanted = await setUp(t);
  const lacking = async (name: string, modules: readonly string[]) => {
    const folder = join(wanted.folder, name);
    await mkdir(folder);
    for (const module of modules) await writeFile(join(folder, `${module}.py`), `raise ImportError('no ${module}')`);
    const executable = join(folder, 'python3');
    await writeFile(executable, `#!/bin/sh\nPYTHONPATH=${folder} exec ${wanted.base.executable} "$@"\n`);
    await chmod(executable, 0o755);
    return { ...wanted, base: { ...wanted.base, executable } };
  };
  await assert.rejects(
    pythonEnvironment(await lacking('bare', ['ensurepip', 'pip'])),
    /has no pip for an environment \(Debian: apt install/,
  );
  assert.deepEqual(await readdir(wanted.cache), []);
  const { executable } = await pythonEnvironment(await lacking('plain', ['pip']));
  assert.equal(await answerOf(executable), '42');
});

test('where uv is on the PATH it does the work', { skip: skip || lacksModules('uv') }, async (t) => {
  const wanted = await setUp(t);
  const PATH = `${dirname((await testPython()).executable)}:${wanted.variables['PATH']}`;
  const variables = { ...wanted.variables, PATH, UV_OFFLINE: '1', UV_FIND_LINKS: join(wanted.folder, 'wheels') };
  const { executable } = await pythonEnvironment({ ...wanted, variables });
  assert.equal(await answerOf(executable), '42');
  assert.match(wanted.lines.join('\n'), /with uv, once, in /);
  await writeFile(wanted.lock, 'missing==1.0.0\n');
  await assert.rejects(pythonEnvironment({ ...wanted, variables }), /uv did not install requirements\.lock: it ended with/);
});
