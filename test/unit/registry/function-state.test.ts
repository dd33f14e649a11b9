import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkPackage } from '../../../src/registry/check-package.js';
import { decodeState, encodeState, type FunctionState } from '../../../src/registry/function-state.js';
import { revisionIdOf } from '../../../src/registry/revision.js';
import { functionName, packageOf } from './support.js';

const name = functionName('digits');
const path = '/data/functions/digits/function.json';
const { manifest, files } = packageOf({ name: 'digits', timeout: '5s', parameters: { invert: true } });
const checked = checkPackage(manifest.manifest, files, 1000);
const id = revisionIdOf(manifest.given, checked);
const state: FunctionState = {
  active: id,
  aliases: { prod: id },
  traffic: [],
  revisions: [{ id, createdAt: 1_700_000_000_000, manifest, files: checked }],
};

/** The text of a state in which `change` was made. */
function changed(change: (root: ReturnType<typeof JSON.parse>) => void): string {
  const root = JSON.parse(encodeState(name, state));
  change(root);
  return JSON.stringify(root);
}

describe('function.json', () => {
  test('gives back what was written', () => {
    assert.deepEqual(decodeState(encodeState(name, state), name, path), state);
  });

  test('keeps of a manifest what the user gave, not the defaults of this version', () => {
    const root = JSON.parse(encodeState(name, state));
    assert.deepEqual(root.revisions[0].manifest, { handler: 'handler.mjs', name: 'digits', timeout: '5s', parameters: { invert: true } });
  });

  const damages: readonly [string, string, RegExp][] = [
    ['an empty file', '', /JSON/],
    ['a cut file', encodeState(name, state).slice(0, 100), /JSON/],
    ['a list', '[]', /the content is \[\], and no object/],
    ['a later version', changed((root) => (root.version = 2)), /version is 2: this daemon knows 1/],
    ["another function's", changed((root) => (root.name = 'other')), /name is "other" in the folder of digits/],
    [
      'an active revision that is none',
      changed((root) => (root.active = '0'.repeat(16))),
      /active is 0{16}, which is none of the revisions/,
    ],
    ['an alias of none', changed((root) => (root.aliases.prod = 'x')), /aliases\.prod is "x"/],
    ['no revisions', changed((root) => (root.revisions = {})), /revisions is \{\}, and no list/],
    [
      'a name of a revision that leads elsewhere',
      changed((root) => (root.revisions[0].id = '../../../../tmp')),
      /revisions\[0\]\.id is "\.\./,
    ],
    [
      'a file that leads elsewhere',
      changed((root) => (root.revisions[0].files[0].path = '../x')),
      /revisions\[0\]\.files\[0\]\.path is "\.\.\/x"/,
    ],
    [
      'a digest that is none',
      changed((root) => (root.revisions[0].files[0].sha256 = 'abc')),
      /revisions\[0\]\.files\[0\]\.sha256 is "abc"/,
    ],
    [
      'a size that is none',
      changed((root) => (root.revisions[0].files[0].size = -1)),
      /revisions\[0\]\.files\[0\]\.size is -1, and no whole number/,
    ],
    ['a manifest that is none', changed((root) => (root.revisions[0].manifest.timeout = 'soon')), /"timeout" is "soon"/],
    ["another function's manifest", changed((root) => (root.revisions[0].manifest.name = 'x')), /revisions\[0\]\.manifest\.name is "x"/],
  ];
  for (const [title, text, message] of damages) {
    test(`says what is wrong, and where, of ${title}`, () => {
      assert.throws(
        () => decodeState(text, name, path),
        (error) => {
          assert.ok(error instanceof Error);
          assert.equal(Reflect.get(error, 'code'), 'DATA_LOSS');
          assert.match(
            error.message,
            /^\/data\/functions\/digits\/function\.json is damaged: .*; deploy the function again, or delete it$/s,
          );
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});
