import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { dcf } from './command-line.js';

async function sample(t: TestContext): Promise<string> {
  const folder = await temporaryDirectory(t);
  await mkdir(join(folder, 'logs'));
  await mkdir(join(folder, 'lib'));
  for (const [path, content] of Object.entries({
    'function.yaml': 'name: sample\nruntime: python\n',
    'handler.py': 'class Handler: pass\n',
    'run.sh': '#!/bin/sh\n',
    '.env': 'KEY=secret\n',
    '.dcfignore': '# notes\n./notes.md\n',
    'notes.md': '',
    'lib/.dcfignore': '*.tmp\n',
    'lib/a.tmp': '',
    'lib/a.py': '',
  })) {
    await writeFile(join(folder, path), content);
  }
  await chmod(join(folder, 'run.sh'), 0o755);
  return folder;
}

test('dcf package --dry-run lists what would be sent, and what not and why', { timeout: 300_000 }, async (t) => {
  const folder = await sample(t);
  const { code, stdout, stderr } = await dcf(['package', '--dry-run'], { cwd: folder });
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(
    stdout,
    `MODE  SIZE  SENT
644   29 B  function.yaml
644   20 B  handler.py
644   0 B   lib/a.py
755   0 B   logs/
755   10 B  run.sh

LEFT OUT        WHY
.dcfignore      it lists what is left out
.env            left out by default ("!.env" in .dcfignore takes it in)
lib/.dcfignore  it lists what is left out
lib/a.tmp       "*.tmp" in lib/.dcfignore, line 1
notes.md        "./notes.md" in .dcfignore, line 2

5 files, 59 B; 5 left out. Of these, a deploy sends what the daemon does not have yet.
`,
  );
});

test('--json has the same for programs, and --set is heeded', { timeout: 300_000 }, async (t) => {
  const folder = await sample(t);
  const { code, stdout, stderr } = await dcf(['package', '--dry-run', folder, '--json', '--set', 'name=other']);
  assert.equal(code, 0, stderr);
  const { name, files, leftOut, totals } = JSON.parse(stdout);
  assert.deepEqual([name, totals], ['other', { files: 5, bytes: 59, leftOut: 5 }]);
  assert.deepEqual(files[4], { path: 'run.sh', mode: '755', size: 10, sha256: createHash('sha256').update('#!/bin/sh\n').digest('hex') });
  assert.equal(files[3].path, 'logs/');
  assert.deepEqual(leftOut[4], { path: 'notes.md', reason: '"./notes.md" in .dcfignore, line 2' });
});

test('sources that a bundle replaces are told so', { timeout: 300_000 }, async (t) => {
  const folder = await temporaryDirectory(t);
  await writeFile(join(folder, 'function.yaml'), 'name: sample\n');
  await writeFile(join(folder, 'handler.ts'), 'export class Handler {}\n');
  const { stdout, stderr } = await dcf(['package', folder, '--dry-run']);
  assert.match(stdout, /^handler\.ts {2}its code is in handler\.mjs$/m, stderr);
});

test('without --dry-run it says what to do; a folder that cannot be packed says why', { timeout: 300_000 }, async (t) => {
  const folder = await sample(t);
  const bare = await dcf(['package', folder]);
  assert.deepEqual([bare.code, bare.stdout], [2, '']);
  assert.match(
    bare.stderr,
    /packages are not written to files: give --dry-run to list the content of one; "dcf deploy" packs and sends it/,
  );
  const nowhere = await dcf(['package', '--dry-run', join(folder, 'nowhere')]);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /no such file or folder/);
});
