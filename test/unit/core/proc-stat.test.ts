import assert from 'node:assert/strict';
import test from 'node:test';
import { hasEnded, parseProcessStat, readProcessStat } from '../../../src/core/proc-stat.js';

const fields = '1 4242 4242 0 -1 4194560 5123 0 3 0 150 25 7 8 20 0 11 0 71250 1306529792 15104';

test('the fields of a process whose name has brackets and blanks', () => {
  assert.deepEqual(parseProcessStat(`4242 (node) x) S ${fields}`), { state: 'S', parent: 1, ticks: 175, startTime: '71250' });
});

test('a text with too few fields is none', () => {
  for (const text of ['', '4242 (node', '4242 (node) S 1 4242 4242']) assert.equal(parseProcessStat(text), undefined, text);
});

test('a zombie has ended, and what sleeps has not', () => {
  for (const [state, ended] of [
    ['Z', true],
    ['X', true],
    ['S', false],
    ['R', false],
  ] as const) {
    const stat = parseProcessStat(`1 (a) ${state} ${fields}`);
    assert.ok(stat !== undefined);
    assert.equal(hasEnded(stat), ended, state);
  }
});

test('this very process, and one that there is not', { skip: process.platform === 'linux' ? false : '/proc is Linux' }, () => {
  assert.equal(readProcessStat(process.pid)?.parent, process.ppid);
  assert.equal(readProcessStat(2 ** 30), undefined);
});
