import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { root } from '../../support/programs.js';

test('the tables of docs/ that are made from the code are up to date', async () => {
  const script: unknown = await import(pathToFileURL(join(root, 'scripts/reference.mjs')).href);
  assert.ok(typeof script === 'object' && script !== null && 'stalePages' in script && typeof script.stalePages === 'function');
  assert.deepEqual(await script.stalePages(), [], 'run "npm run build && node scripts/reference.mjs"');
});
