import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { anchorsOf, brokenLinks, linksOf } from '../../support/documents/links.js';
import { pages } from '../../support/documents/pages.js';
import { root } from '../../support/programs.js';

test('every link of every page leads to a file and a heading that exist', () => {
  const broken = pages().flatMap((page) =>
    brokenLinks(root, page).map(({ line, target, problem }) => `${page}:${line}: ${target}: ${problem}`),
  );
  assert.deepEqual(broken, []);
});

test('the index of the documents names every page, that of the decisions every decision', async () => {
  for (const folder of ['docs', 'docs/decisions']) {
    const named = linksOf(await readFile(join(root, folder, 'README.md'), 'utf8')).map(({ target }) => target);
    const all = (await readdir(join(root, folder))).filter((name) => name.endsWith('.md') && name !== 'README.md');
    for (const name of all) assert.ok(named.includes(name), `${folder}/README.md does not link to ${name}`);
  }
});

test('decisions are numbered without gaps, and each says its context, what was decided, and what follows', async () => {
  const folder = join(root, 'docs/decisions');
  const names = (await readdir(folder)).filter((name) => name !== 'README.md').sort();
  assert.deepEqual(
    names.map((name) => name.slice(0, 4)),
    names.map((_, index) => String(index + 1).padStart(4, '0')),
  );
  for (const name of names) {
    const headings = [...anchorsOf(await readFile(join(folder, name), 'utf8'))];
    assert.deepEqual(headings.slice(1), ['context', 'decision', 'consequence'], name);
    assert.match(headings[0] ?? '', new RegExp(`^${name.slice(0, 4)}-`), name);
  }
});

test('README.md has two screens', async () => {
  assert.ok((await readFile(join(root, 'README.md'), 'utf8')).trimEnd().split('\n').length <= 120);
});

test('links in code and comments are none; anchors are those that GitHub makes', () => {
  const text =
    '# A `b.c`: d\n\n[x](a.md) and ![y](p.png#z)\n`[no](no.md)`\n```\n[no](no.md)\n# no\n```\n<!--\n[no](no.md)\n-->\n## Twice\n## Twice\n';
  assert.deepEqual(linksOf(text), [
    { line: 3, target: 'a.md' },
    { line: 3, target: 'p.png#z' },
  ]);
  assert.deepEqual([...anchorsOf(text)], ['a-bc-d', 'twice', 'twice-1']);
});

test('each kind of a broken link is told', async (t) => {
  const folder = await temporaryDirectory(t);
  await mkdir(join(folder, 'docs'));
  await writeFile(
    join(folder, 'docs/a.md'),
    '# A\n[1](b.md)\n[2](#a)\n[3](#b)\n[4](../../c.md)\n[5](https://example.com/none)\n[6](../docs#a)\n',
  );
  assert.deepEqual(
    brokenLinks(folder, 'docs/a.md').map(({ line, problem }) => [line, problem]),
    [
      [2, 'there is no such file'],
      [4, 'there is no such heading'],
      [5, 'it leads out of the checkout'],
      [7, 'only pages have anchors'],
    ],
  );
});
