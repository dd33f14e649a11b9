import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { isFunctionName } from '../../../../src/core/names.js';
import { CallCounts } from '../../../../src/registry/state/call-counts.js';
import { temporaryDirectory } from '../../../support/cleanup.js';

const name = 'digits';
const revision = 'ca5ceb5ae825a262';
const none = { revisions: {}, others: { calls: 0, errors: 0 } };

async function setUp(t: test.TestContext) {
  if (!isFunctionName(name)) throw new Error('no name');
  const data = await temporaryDirectory(t);
  const folder = join(data, 'functions', name);
  await mkdir(folder, { recursive: true });
  return { name, folder, counts: new CallCounts(data), path: join(folder, 'calls.json') } as const;
}

test('counts come back as they were written, and nothing else is left', async (t) => {
  const { name, folder, counts, path } = await setUp(t);
  const given = { revisions: { [revision]: { calls: 12, errors: 3 } }, others: { calls: 5, errors: 1 } };
  await counts.write(name, none);
  await counts.write(name, given);
  assert.deepEqual(await counts.read(name), given);
  assert.deepEqual(await readdir(folder), ['calls.json']);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

for (const [what, text] of [
  ['that is not there', undefined],
  ['that is cut off', '{"revisions":{"ca5'],
  ['with a negative number', '{"revisions":{},"others":{"calls":-1,"errors":0}}'],
  ['with a list in place of an object', '[]'],
] as const) {
  test(`a file ${what} counts as none`, async (t) => {
    const { name, counts, path } = await setUp(t);
    if (text !== undefined) await writeFile(path, text);
    assert.deepEqual(await counts.read(name), none);
  });
}

test('what is no revision is left out', async (t) => {
  const { name, counts, path } = await setUp(t);
  await writeFile(path, '{"revisions":{"__proto__":{"calls":1,"errors":1},"x":{"calls":1,"errors":1}},"others":{"calls":2,"errors":0}}');
  assert.deepEqual(await counts.read(name), { revisions: {}, others: { calls: 2, errors: 0 } });
});

test('a function that was deleted meanwhile does not come back; another failure is told', async (t) => {
  const { counts, path, name } = await setUp(t);
  const gone = 'gone';
  if (!isFunctionName(gone)) throw new Error('no name');
  await counts.write(gone, none);
  assert.deepEqual(await counts.read(gone), none);
  await mkdir(path);
  await assert.rejects(counts.write(name, none), { code: 'EISDIR' });
  await assert.rejects(readFile(`${path}.tmp`), { code: 'ENOENT' });
});
