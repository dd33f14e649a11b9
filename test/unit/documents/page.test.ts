import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPage } from '../../support/documents/page.js';
import { pages, parts, stepsOf } from '../../support/documents/pages.js';

test('blocks are read with their lines and languages, hidden scripts between them', () => {
  const steps = readPage('## a\n\n```sh\none\n\ntwo\n```\n\n<!-- test: setup\nthree\nfour\n-->\n- item\n  ```\n  five\n    six\n  ```\n');
  assert.deepEqual(
    steps.map(({ line, section, language, text }) => [line, section, language, text]),
    [
      [3, 'a', 'sh', 'one\n\ntwo\n'],
      [9, 'a', undefined, 'three\nfour\n'],
      [14, 'a', '', 'five\n  six\n'],
    ],
  );
});

test('a comment before a block says what it is, and what follows it', () => {
  const directives = (text: string) => readPage(text).map(({ directive }) => directive);
  const none = { kind: 'plain', reason: '', name: '', script: '' };
  assert.deepEqual(directives('<!-- test: skip: no GPU here -->\n```sh\nx\n```'), [{ ...none, kind: 'skip', reason: 'no GPU here' }]);
  assert.deepEqual(directives('<!-- test: needs CI: slow -->\n\n```sh\nx\n```'), [{ ...none, kind: 'needs', name: 'CI', reason: 'slow' }]);
  assert.deepEqual(directives('<!-- test: file a/b.ts\none\ntwo\n-->\n```ts\nx\n```\n```sh\ny\n```'), [
    { ...none, kind: 'file', name: 'a/b.ts', script: 'one\ntwo' },
    none,
  ]);
  assert.deepEqual(directives('<!-- test: daemon -->\n```sh\ndcfd\n```'), [{ ...none, kind: 'daemon' }]);
});

test('what is written wrong is refused with its line', () => {
  assert.throws(() => readPage('a\n<!-- test: skipp: x -->\n```sh\n```'), /line 2: "skipp: x" is none of skip: REASON/);
  assert.throws(() => readPage('<!-- test: daemon -->\ntext\n```sh\n```'), /line 1: no block follows/);
  assert.throws(() => readPage('<!-- test: daemon -->'), /line 1: no block follows/);
  assert.throws(() => readPage('\n```sh\nx'), /line 2: the block has no end/);
});

test('every block is in one part, and every part has some', () => {
  const blocks = pages().flatMap((page) => stepsOf(page).map(({ section, line }) => ({ page, section, line })));
  for (const { page, section, line } of blocks) {
    assert.equal(Object.values(parts).filter((isIn) => isIn(page, section)).length, 1, `${page}:${line}`);
  }
  for (const [name, isIn] of Object.entries(parts))
    assert.ok(
      blocks.some(({ page, section }) => isIn(page, section)),
      name,
    );
});
