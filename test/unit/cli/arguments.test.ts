import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCount, parseMilliseconds, parseName, parseOverride } from '../../../src/cli/arguments.js';

test('--set: a dotted key and a value in YAML, one after the other', () => {
  let overrides = parseOverride('parameters.invert=false');
  overrides = parseOverride('replicas.max=2', overrides);
  overrides = parseOverride('providers=[cuda, cpu]', overrides);
  overrides = parseOverride('description=a=b', overrides);
  overrides = parseOverride('timeout=30s', overrides);
  overrides = parseOverride('parameters.none=', overrides);
  assert.deepEqual(overrides, [
    { path: ['parameters', 'invert'], value: false },
    { path: ['replicas', 'max'], value: 2 },
    { path: ['providers'], value: ['cuda', 'cpu'] },
    { path: ['description'], value: 'a=b' },
    { path: ['timeout'], value: '30s' },
    { path: ['parameters', 'none'], value: null },
  ]);
  for (const text of ['', 'x', '=1', '.a=1', 'a.=1', 'a=[']) assert.throws(() => parseOverride(text), text);
});

test('numbers, durations and names', () => {
  assert.equal(parseMilliseconds('1.5s'), 1500);
  for (const text of ['', '0s', '5', '-1s', 's']) assert.throws(() => parseMilliseconds(text), text);
  assert.equal(parseCount('20'), 20);
  for (const text of ['', '0', '-1', '1e3', '99999999999999999999']) assert.throws(() => parseCount(text), text);
  assert.equal(parseName('a-1'), 'a-1');
  for (const text of ['', 'A', '1a', 'a_b', '../a', 'a'.repeat(64)]) assert.throws(() => parseName(text), text);
});
