import { deepStrictEqual, doesNotThrow, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { CopiedMemory } from '../../../src/gateway/copied-memory.js';

const mebibyte = 1024 * 1024;

test('each 8 MiB of copies are collected, however small the copies are', () => {
  let collections = 0;
  const memory = new CopiedMemory(() => {
    collections += 1;
  });
  const seen: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let count = 0; count < 127; count++) memory.add(mebibyte / 16);
    seen.push(collections);
    memory.add(mebibyte / 16);
    seen.push(collections);
  }
  deepStrictEqual(seen, [0, 1, 1, 2, 2, 3]);
});

test('one large copy is collected once', () => {
  let collections = 0;
  const memory = new CopiedMemory(() => {
    collections += 1;
  });
  memory.add(64 * mebibyte);
  memory.add(mebibyte);
  strictEqual(collections, 1);
});

test('where no collection can be asked for, copies are let be', () => {
  doesNotThrow(() => new CopiedMemory(undefined).add(64 * mebibyte));
});
