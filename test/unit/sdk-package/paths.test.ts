import assert from 'node:assert/strict';
import { join, resolve, sep } from 'node:path';
import { test } from 'node:test';
import { checkPackagePath, findCollision } from '@dcf/sdk/package';
import fc from 'fast-check';
import { anyCharacter } from '../../support/any-text.js';

test('paths that a package may have', () => {
  for (const path of [
    'handler.mjs',
    'a/b/c.txt',
    '.dcfignore',
    '..a',
    'a..',
    '...',
    'ünïcode/日本',
    'lib/node_modules/x',
    'a b',
    `${'x'.repeat(255)}`,
  ]) {
    assert.equal(checkPackagePath(path), undefined, path);
  }
});

test('paths that are refused, each with its reason', () => {
  const cases: [string, RegExp][] = [
    ['', /empty/],
    ['/etc/passwd', /absolute/],
    ['//server/share', /absolute/],
    ['C:/x', /drive letter/],
    ['c:x', /drive letter/],
    ['../x', /"\.\."/],
    ['a/../../x', /"\.\."/],
    ['..', /"\.\."/],
    ['.', /"\."/],
    ['./a', /"\."/],
    ['a//b', /empty name/],
    ['a/', /empty name/],
    ['a\0b', /control character/],
    ['a\nb', /control character/],
    ['a\x7fb', /control character/],
    ['a\u0085b', /control character/],
    ['a\\b', /backslash/],
    ['..\\x', /backslash/],
    ['node_modules/x', /node_modules/],
    ['Node_Modules/x', /node_modules/],
    ['\ud800', /Unicode/],
    [`${'a/'.repeat(256)}b`, /513 bytes/],
    ['ü'.repeat(128), /256 bytes/],
  ];
  for (const [path, reason] of cases) assert.match(checkPackagePath(path) ?? 'allowed', reason, JSON.stringify(path));
});

test('whatever is allowed stays inside the folder', () => {
  const root = resolve('/srv/function');
  const names = fc.constantFrom('..', '.', '', 'a', 'B', '\\', 'C:', '~', 'node_modules', '\0', '%2e%2e', '．．');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(names, { maxLength: 6 }).map((parts) => parts.join('/')),
        fc.string({ unit: anyCharacter, maxLength: 40 }),
      ),
      (path) => {
        if (checkPackagePath(path) !== undefined) return;
        assert.ok(join(root, path).startsWith(root + sep), JSON.stringify(path));
        assert.equal(join(root, path), `${root}${sep}${path}`);
      },
    ),
    { numRuns: 2000 },
  );
});

test('names that collide', () => {
  assert.deepEqual(findCollision(['a', 'b', 'A']), ['a', 'A']);
  assert.deepEqual(findCollision(['lib/Ä.txt', 'LIB/a\u0308.txt']), ['lib/Ä.txt', 'LIB/a\u0308.txt']);
  assert.deepEqual(findCollision(['ſ', 's']), ['ſ', 's']);
  assert.deepEqual(findCollision(['x', 'x']), ['x', 'x']);
  assert.deepEqual(findCollision(['A/b', 'a']), ['a', 'A/b']);
  assert.equal(findCollision(['a', 'ab', 'a-b', 'b/a', 'c/a']), undefined);
  assert.equal(findCollision([]), undefined);
});

test('the order of the paths does not matter for whether there is a collision', () => {
  const path = fc.array(fc.constantFrom('a', 'A', 'b', 'é', 'e\u0301'), { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
  fc.assert(
    fc.property(fc.array(path, { maxLength: 6 }), (paths) => {
      assert.equal(findCollision(paths) === undefined, findCollision([...paths].reverse()) === undefined);
    }),
  );
});
