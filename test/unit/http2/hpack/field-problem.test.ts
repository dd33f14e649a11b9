import assert from 'node:assert/strict';
import test from 'node:test';
import { fieldProblem } from '../../../../src/http2/hpack/field-problem.js';

test('good fields have no problem', () => {
  const good = [
    [':path', '/dcf.v1.Functions/Invoke'],
    ['te', 'trailers'],
    ['x-a_b.c~1', ''],
    ['text', 'tab\tand space, "quotes" and é'],
    ["!#$%&'*+-.^_`|~09az", 'v'],
    ['n'.repeat(100), 'v'],
  ] as const;
  for (let round = 0; round < 2; round++) for (const [name, value] of good) assert.equal(fieldProblem(name, value), undefined);
});

test('names that a message may not have', () => {
  for (let round = 0; round < 2; round++) {
    assert.equal(fieldProblem('', 'v'), 'a field has no name');
    assert.equal(fieldProblem('Te', 'v'), 'the name of the field "Te" has capitals');
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code);
      const valid = /[!#$%&'*+\-.^_`|~0-9a-z]/.test(character);
      assert.equal(fieldProblem(`a${character}`, 'v') === undefined, valid, `${code}`);
    }
    for (const name of [':', '::a', 'a:', 'a:b', ' a', 'a\n'])
      assert.match(fieldProblem(name, 'v') ?? '', /has characters that names may not have/);
  }
});

test('values that a message may not have, and they are not quoted', () => {
  for (let code = 0; code < 256; code++) {
    const valid = (code >= 0x20 && code !== 0x7f) || code === 0x09;
    const problem = fieldProblem('a', `secret${String.fromCharCode(code)}secret`);
    assert.equal(problem, valid ? undefined : 'the value of the field a has a control character', `${code}`);
  }
  for (const value of [' v', 'v ', '\tv', 'v\t', ' ', '\t']) {
    assert.equal(fieldProblem('a', value), 'the value of the field a begins or ends with white space');
  }
});

test('a name of any length is shown shortened, and without control characters', () => {
  const problem = fieldProblem(`\u001b[31m${'X'.repeat(10_000)}`, 'v') ?? '';
  assert.ok(problem.length < 200);
  assert.ok(!problem.includes('\u001b'));
});

test('more names than are remembered are checked all the same', () => {
  for (let count = 0; count < 3000; count++) {
    assert.equal(fieldProblem(`name-${count}`, 'v'), undefined);
    assert.match(fieldProblem(`Name-${count}`, 'v') ?? '', /capitals/);
  }
  assert.equal(fieldProblem('name-0', 'v'), undefined);
});
