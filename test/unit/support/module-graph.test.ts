import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { reaches } from '../../support/module-graph.js';

test('a module reaches what it imports, be it through others that import each other', async (t) => {
  const folder = await temporaryDirectory(t);
  const modules = {
    'top.js': `import assert from 'node:assert';\nimport { a } from './round.js';`,
    'round.js': `export { a } from "./back.js";`,
    'back.js': `import './round.js';\nconst late = () => import('./late.js');`,
    'late.js': '',
    'alone.js': `import '@dcf/sdk';`,
  };
  for (const [name, source] of Object.entries(modules)) await writeFile(join(folder, name), source);
  const path = (name: string): string => join(folder, name);
  assert.equal(reaches(path('top.js'), path('late.js')), true);
  assert.equal(reaches(path('late.js'), path('late.js')), true);
  assert.equal(reaches(path('top.js'), path('alone.js')), false);
  assert.equal(reaches(path('alone.js'), path('late.js')), false);
});
