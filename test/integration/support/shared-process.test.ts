import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryDirectory } from '../../support/cleanup.js';
import { cleanEnvironment, root } from '../../support/programs.js';

const url = (script: string): string => pathToFileURL(join(root, 'scripts', script)).href;
const { sharingProcesses }: { sharingProcesses: (files: readonly string[], folder: string, count: number) => string[] } = await import(
  url('shared-process.mjs')
);

/** What node's runner prints about files of tests that share one process. */
async function report(t: TestContext, sources: readonly string[]): Promise<{ code: unknown; output: string }> {
  const folder = await temporaryDirectory(t);
  const files = sources.map((_, index) => join(folder, `file-${index}.test.mjs`));
  for (const [index, file] of files.entries())
    await writeFile(file, `import assert from 'node:assert';\nimport { test } from 'node:test';\n${sources[index]}`);
  const started = sharingProcesses(files, join(folder, 'shared'), 1);
  assert.equal(started.length, 1);
  return await new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--test', `--test-reporter=${url('test-reporter.mjs')}`, ...started],
      { env: cleanEnvironment() },
      (error, stdout) => resolve({ code: error?.code ?? 0, output: stdout }),
    );
  });
}

test('files that share a process are told apart: by what failed, and by what was skipped', async (t) => {
  const { code, output } = await report(t, [
    `test('passes', () => {});\ntest('fails', () => assert.equal(1, 2));`,
    `test('is skipped', { skip: 'no GPU' }, () => {});`,
  ]);
  assert.equal(code, 1);
  assert.match(output, /ℹ pass 2\nℹ fail 1\n[\s\S]*ℹ skipped 1\n/);
  assert.match(output, /failing tests:\n\s+test at [^\n]*file-0\.test\.mjs:4:1\n✖ fails/);
  assert.match(output, /1 skipped, and why:\n\n {2}no GPU\n[^\n]*file-1\.test\.mjs › is skipped\n/);
});

test('no test begins before all files are loaded, and a file that cannot be loaded fails alone', async (t) => {
  const { code, output } = await report(t, [
    `test('changes what is global', () => { globalThis.changed = true; });`,
    `import './missing.mjs';`,
    `const { changed } = globalThis;\ntest('was loaded before', () => assert.equal(changed, undefined));`,
  ]);
  assert.equal(code, 1);
  assert.match(output, /ℹ pass 3\nℹ fail 1\n/);
  assert.match(output, /✖ [^\n]*file-1\.test\.mjs cannot be loaded/);
});

test('a test that starts a process fails', async (t) => {
  const { code, output } = await report(t, [
    `import { spawn } from 'node:child_process';\ntest('spawns', () => { spawn('true'); });`,
    `import { execFileSync } from 'node:child_process';\ntest('executes', () => { execFileSync('true'); });`,
  ]);
  assert.equal(code, 1);
  assert.match(output, /ℹ fail 2\n/);
  for (const name of ['spawns', 'executes'])
    assert.match(output, new RegExp(`✖ ${name} [^\\n]*\\n *Error: a unit test starts a process: it belongs to test/integration`));
});

test('files are dealt out evenly; as few as there may be processes have one each', async (t) => {
  const folder = await temporaryDirectory(t);
  assert.deepEqual(sharingProcesses(['/a', '/b'], folder, 2), ['/a', '/b']);
  const sources = await Promise.all(sharingProcesses(['/a', '/b', '/c', '/d', '/e'], folder, 2).map((path) => readFile(path, 'utf8')));
  const dealt = sources.map((source) => source.match(/file:\/\/\/[a-e]\b/g));
  assert.deepEqual(dealt, [
    ['file:///a', 'file:///c', 'file:///e'],
    ['file:///b', 'file:///d'],
  ]);
});
