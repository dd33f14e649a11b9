import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryDirectory } from '../../support/cleanup.js';
import { cleanEnvironment, root } from '../../support/programs.js';

const reporter = pathToFileURL(join(root, 'scripts', 'test-reporter.mjs')).href;

/** What node's runner prints about a file of tests, and how it ends. */
async function report(folder: string, source: string): Promise<{ code: unknown; output: string }> {
  const file = join(folder, 'some.test.mjs');
  await writeFile(file, `import assert from 'node:assert';\nimport { describe, test } from 'node:test';\n${source}`);
  return await new Promise((resolve) => {
    execFile(process.execPath, ['--test', `--test-reporter=${reporter}`, file], { env: cleanEnvironment() }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, output: stdout }),
    );
  });
}

test('what is skipped stands at the end of the run, by its reason, after the totals and what failed', async (t) => {
  const { code, output } = await report(
    await temporaryDirectory(t),
    `describe('outer', () => {
       describe('inner', () => {
         test('runs', () => {});
         test('first', { skip: 'no GPU' }, () => {});
       });
       test('second', (t) => t.skip('no GPU'));
       describe('whole', { skip: 'no Python' }, () => test('never', () => {}));
     });
     test('third', { skip: true }, () => {});
     test('fails', () => assert.equal(1, 2));`,
  );
  assert.equal(code, 1);
  assert.match(output, /ℹ tests \d+\n[\s\S]*ℹ pass 1\nℹ fail 1\n[\s\S]*ℹ skipped 3\n/);
  assert.match(output, /✖ failing tests:\n[\s\S]*✖ fails[\s\S]*1 == 2/);
  const list = output.slice(output.indexOf('4 skipped, and why:')).replace(/^( {4}).*some\.test\.mjs › /gm, '$1');
  const byReason = ['  no GPU', '    outer › inner › first', '    outer › second', '', '  no Python', '    outer › whole'];
  assert.equal(list, ['4 skipped, and why:', '', ...byReason, '', '  no reason is given', '    third', ''].join('\n'));
});

test('a run in which nothing was skipped says so', async (t) => {
  const { code, output } = await report(await temporaryDirectory(t), `test('runs', () => {});`);
  assert.equal(code, 0);
  assert.match(output, /ℹ pass 1\n[\s\S]*\nNo test was skipped\.\n$/);
});
