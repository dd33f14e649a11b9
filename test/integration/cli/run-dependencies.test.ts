import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../../support/cleanup.js';
import { makeWheel } from '../../support/wheels.js';
import { dcf } from './command-line.js';

const run = promisify(execFile);

interface Sample {
  folder: string;
  /** Where its packages are installed. */
  installed: string;
  env: Record<string, string>;
}

/** A function's folder, a cache of its own, and installers that ask no registry. */
async function sample(t: TestContext, files: Readonly<Record<string, string>>): Promise<Sample> {
  const home = await temporaryDirectory(t);
  const [folder, cache] = [join(home, 'function'), join(home, 'cache')];
  await mkdir(join(folder, 'vendor'), { recursive: true });
  for (const [path, content] of Object.entries(files)) await writeFile(join(folder, path), content);
  const offline = { PIP_NO_INDEX: '1', UV_NO_INDEX: '1', npm_config_offline: 'true', npm_config_cache: join(home, 'npm') };
  return { folder, installed: join(cache, 'dcf/dependencies'), env: { HOME: home, XDG_CACHE_HOME: cache, ...offline } };
}

async function installedIn({ installed }: Sample): Promise<string[]> {
  return (await readdir(installed)).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

/** Runs it twice at the same time and once more: it is installed once, and the third run says nothing of it. */
async function checkShared(one: Sample, output: string): Promise<void> {
  const [first, second] = await Promise.all([0, 1].map(() => dcf(['run', one.folder], { env: one.env })));
  for (const result of [first, second]) assert.equal(result?.stdout, output, result?.stderr);
  const tellers = [first, second].filter((result) => /^install +into \S+/m.test(result?.stderr ?? ''));
  assert.equal(tellers.length, 1, 'the one waits for the other');
  assert.equal((await installedIn(one)).length, 1);
  const third = await dcf(['run', one.folder], { env: one.env });
  assert.deepEqual([third.stdout, /install/.test(third.stderr)], [output, false], third.stderr);
}

test('dcf run installs what package.json names, once for all runs', { timeout: 180_000 }, async (t) => {
  const one = await sample(t, {
    'function.yaml': 'name: sample\nproviders: [cpu]\n',
    'handler.ts': "import { answer } from 'tiny';\nexport class Handler { call() { return String(answer); } }\n",
    'package.json': JSON.stringify({ dependencies: { tiny: 'file:vendor/tiny-1.0.0.tgz' } }),
  });
  const source = await temporaryDirectory(t);
  await writeFile(join(source, 'package.json'), JSON.stringify({ name: 'tiny', version: '1.0.0', type: 'module', main: 'index.js' }));
  await writeFile(join(source, 'index.js'), 'export const answer = 42;');
  const options = { env: { ...process.env, ...one.env } };
  await run('npm', ['pack', '--pack-destination', join(one.folder, 'vendor')], { ...options, cwd: source });
  await run('npm', ['install', '--package-lock-only', '--ignore-scripts'], { ...options, cwd: one.folder });
  await checkShared(one, '42');
});

test('dcf run installs what requirements.txt names, and says what the installer says when it cannot', { timeout: 180_000 }, async (t) => {
  const python = await run('python3', ['-c', 'import pip, sys; print(sys.executable)']).catch(() => undefined);
  if (python === undefined) return t.skip('there is no python3 with pip here');
  const one = await sample(t, {
    'function.yaml': 'name: sample\nruntime: python\nhandler: handler.py\nproviders: [cpu]\n',
    'handler.py': 'import tiny\n\n\nclass Handler:\n    def __call__(self, req):\n        return str(tiny.answer)\n',
    'requirements.txt': './vendor/tiny-1.0.0-py3-none-any.whl\n',
  });
  const { file, bytes } = await makeWheel(python.stdout.trim(), 'tiny', '1.0.0', { 'tiny/__init__.py': 'answer = 7\n' });
  await writeFile(join(one.folder, 'vendor', file), bytes);
  const env = { ...one.env, DCF_PYTHON: python.stdout.trim() };
  await checkShared({ ...one, env }, '7');
  await writeFile(join(one.folder, 'requirements.txt'), 'no-such-package-anywhere==1.2.3\n');
  const failed = await dcf(['run', one.folder], { env });
  assert.deepEqual([failed.code, failed.stdout], [1, '']);
  assert.match(
    failed.stderr,
    /^dcf: sample: FAILED_PRECONDITION: the dependencies cannot be installed: .*pip install ended with exit code 1$/m,
  );
  const [whileItRuns = '', atItsEnd = ''] = failed.stderr.split(/^dcf: sample: /m);
  assert.match(whileItRuns, /^ {2}\| .*no-such-package-anywhere/m);
  assert.match(atItsEnd, /no-such-package-anywhere/, 'whoever reads the error alone finds the reason there');
  assert.deepEqual(
    (await readdir(one.installed)).filter((name) => name.includes('staging')),
    [],
  );
});
