import assert from 'node:assert/strict';
import test from 'node:test';
import { DynamicTable, sizeInTable } from '../../../../src/http2/hpack/dynamic-table.js';

function nameAt(table: DynamicTable, age: number): string | undefined {
  return table.names[table.placeOf(age)];
}

function fields(table: DynamicTable): string[] {
  return Array.from({ length: table.count }, (_, age) => `${nameAt(table, age)}=${table.values[table.placeOf(age)]}`);
}

test('the newest field comes first, and the oldest goes when room is needed', () => {
  const table = new DynamicTable(4096);
  table.resize(3 * 34);
  for (const name of ['a', 'b', 'c']) table.insert(name, '1');
  assert.deepEqual(fields(table), ['c=1', 'b=1', 'a=1']);
  assert.equal(table.size, 102);
  table.insert('d', '1');
  assert.deepEqual(fields(table), ['d=1', 'c=1', 'b=1']);
  table.insert('e', '12');
  assert.deepEqual(fields(table), ['e=12', 'd=1']);
  assert.equal(table.size, 69);
  assert.equal(nameAt(table, 2), undefined);
});

test('a field as large as the table is kept alone, and a larger one empties it', () => {
  const table = new DynamicTable(4096);
  table.resize(100);
  table.insert('a', '1');
  table.insert('b', 'x'.repeat(67));
  assert.equal(table.count, 1);
  assert.equal(table.size, 100);
  table.insert('b', 'x'.repeat(68));
  assert.equal(table.count, 0);
  assert.equal(table.size, 0);
});

test('a smaller size drops the oldest fields, and a larger one brings nothing back', () => {
  const table = new DynamicTable(4096);
  for (const name of ['a', 'b', 'c']) table.insert(name, '1');
  table.resize(70);
  assert.deepEqual(fields(table), ['c=1', 'b=1']);
  table.resize(4096);
  assert.deepEqual(fields(table), ['c=1', 'b=1']);
  table.resize(0);
  table.insert('d', '1');
  assert.equal(table.count, 0);
});

test('as many of the smallest fields as there can be have a place, in tables of any size', () => {
  for (const largest of [4096, 4100, 5000, 8192]) {
    const table = new DynamicTable(largest);
    table.resize(largest);
    for (let round = 0; round < 1000; round++) table.insert('', '');
    assert.equal(table.count, Math.floor(largest / 32));
    table.insert('last', '');
    assert.equal(nameAt(table, 0), 'last');
    assert.equal(nameAt(table, table.count - 1), '');
    assert.ok(table.size <= largest);
  }
});

test('a field counts 32 bytes more than its characters', () => {
  assert.equal(sizeInTable('custom-key', 'custom-header'), 55);
});
