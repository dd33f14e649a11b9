import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCount, parseMilliseconds, parseName } from '../../../../src/cli/terminal/arguments.js';

test('numbers, durations and names', () => {
  assert.equal(parseMilliseconds('1.5s'), 1500);
  for (const text of ['', '0s', '5', '-1s', 's']) assert.throws(() => parseMilliseconds(text), text);
  assert.equal(parseCount('20'), 20);
  for (const text of ['', '0', '-1', '1e3', '99999999999999999999']) assert.throws(() => parseCount(text), text);
  assert.equal(parseName('a-1'), 'a-1');
  for (const text of ['', 'A', '1a', 'a_b', '../a', 'a'.repeat(64)]) assert.throws(() => parseName(text), text);
});
