import assert from 'node:assert/strict';
import test from 'node:test';
import { closestName, functionNameProblem, isDigest, isFunctionName, isRevisionId, listNames } from '@dcf/sdk/names';
import fc from 'fast-check';
import { anyCharacter } from '../../support/any-text.js';

test("names of functions: lower-case letters, digits and '-', a letter first, 63 at most", () => {
  for (const name of ['a', 'digits', 'a-1', 'a--', `a${'0'.repeat(62)}`]) assert.ok(isFunctionName(name), name);
  for (const name of ['', 'A', '1a', '-a', 'a_b', 'a.b', 'a/b', '..', 'a b', 'a\n', 'ä', `a${'0'.repeat(63)}`])
    assert.equal(isFunctionName(name), false, name);
});

test('no name of a function can leave its folder or be two labels of a host name', () => {
  // A name with one other character somewhere: of texts of any characters hardly one would be a name but for that.
  const parts = fc.tuple(fc.stringMatching(/^[a-z0-9-]{0,20}$/), fc.string({ unit: anyCharacter, minLength: 1, maxLength: 1 }));
  fc.assert(
    fc.property(parts, fc.constantFrom('.', '/', '\\', '_', ' ', '\n', '\0', 'A'), ([text, any], likely) => {
      for (const other of [any, likely])
        for (const name of [`a${text}${other}`, `a${other}${text}`, `${other}${text}`])
          assert.equal(isFunctionName(name), /^[a-z]/.test(name) && !/[^a-z0-9-]/.test(name), JSON.stringify(name));
    }),
    { numRuns: 500 },
  );
});

test('revisions have 16 hexadecimal digits, digests 64', () => {
  assert.ok(isRevisionId('0123456789abcdef'));
  assert.ok(isDigest('0123456789abcdef'.repeat(4)));
  for (const text of ['', '0123456789abcde', '0123456789abcdeF', '0123456789abcdef0', '0123456789abcdef\n'])
    assert.equal(isRevisionId(text), false);
  for (const text of ['', 'g'.repeat(64), 'A'.repeat(64), 'a'.repeat(65), `${'a'.repeat(64)}\n`]) assert.equal(isDigest(text), false);
});

test('the problem with a name shows it, well-formed and not without end', () => {
  assert.match(functionNameProblem('Digits'), /^"Digits" is not a valid function name: use up to 63 lower-case letters/);
  const long = functionNameProblem('x'.repeat(10_000));
  assert.ok(long.length < 300);
  assert.ok(functionNameProblem('\ud800').isWellFormed());
});

test('the nearest name: a letter missing, too many, wrong, or two in each other’s place', () => {
  const names = ['hello', 'digits', 'echo', 'a'];
  for (const mistyped of ['helo', 'helllo', 'hallo', 'hlelo', 'hello-']) assert.equal(closestName(mistyped, names), 'hello', mistyped);
  assert.equal(closestName('digts', names), 'digits');
  assert.equal(closestName('digitz', ['dogits', 'digits', 'digest']), 'digits', 'not the first that is near');
  for (const other of ['nobody', 'goodbye', 'xyz', 'ehlol']) assert.equal(closestName(other, names), undefined, other);
  assert.equal(closestName('hello', []), undefined);
});

test('a long list of names is cut', () => {
  assert.equal(listNames(['a', 'b'], 10), 'a, b');
  assert.equal(
    listNames(
      Array.from({ length: 12 }, (_, index) => `f${index}`),
      10,
    ),
    'f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 and 2 more',
  );
});
