import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { cleanEnvironment, root } from '../../../support/programs.js';

test('docs/faults.md has every row that is declared, as it is declared', async () => {
  const run = promisify(execFile);
  const { stderr } = await run(process.execPath, [join(root, 'scripts/fault-table.mjs'), '--check'], { env: cleanEnvironment() });
  assert.equal(stderr, '');
});
