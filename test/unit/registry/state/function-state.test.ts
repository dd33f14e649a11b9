import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkPackage } from '../../../../src/registry/model/check-package.js';
import { revisionIdOf } from '../../../../src/registry/model/revision.js';
import { decodeState, encodeState, type FunctionState } from '../../../../src/registry/state/function-state.js';
import { functionName, packageOf } from '../../../support/registry.js';

const name = functionName('digits');
const path = '/data/functions/digits/function.json';
const { manifest, files } = packageOf({ name: 'digits', timeout: '5s', parameters: { invert: true } });
const checked = checkPackage(manifest, files, 1000);
const id = revisionIdOf(manifest.given, checked);
const state: FunctionState = {
  active: id,
  aliases: { prod: id },
  traffic: [],
  history: [{ revision: id, at: 1_700_000_000_001 }],
  scale: { [id]: { min: 0, max: 4 } },
  maxErrorRate: 2.5,
  canaryStop: { revision: id, at: 1_700_000_000_002, calls: 20, errors: 3, maxErrorRate: 2.5 },
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

  test('of an earlier version has no history and no bounds: they follow from the rest', () => {
    const text = changed((root) => {
      for (const key of ['history', 'scale', 'maxErrorRate', 'canaryStop']) delete root[key];
    });
    const expected = { ...state, history: [{ revision: id, at: 1_700_000_000_000 }], scale: {}, maxErrorRate: undefined };
    assert.deepEqual(decodeState(text, name, path), { ...expected, canaryStop: undefined });
  });

  const damages: readonly [string, string, RegExp][] = [
    ['an empty file', '', /JSON/],
    ['a cut file', encodeState(name, state).slice(0, 100), /JSON/],
    ['a list', '[]', /the content is \[\]; it must be an object/],
    ['a later version', changed((root) => (root.version = 2)), /version is 2; this daemon reads version 1/],
    ["another function's", changed((root) => (root.name = 'other')), /name is "other", but the file is in the folder of digits/],
    [
      'an active revision that is none',
      changed((root) => (root.active = '0'.repeat(16))),
      /active is 0{16}, which is not among the revisions/,
    ],
    ['an alias of none', changed((root) => (root.aliases.prod = 'x')), /aliases\.prod is "x"/],
    [
      'an alias that is like a revision',
      changed((root) => (root.aliases = { [id]: id })),
      /aliases has "[0-9a-f]{16}", which is not a valid name for an alias/,
    ],
    [
      'shares that do not sum up',
      changed((root) => (root.traffic = [{ revision: id, percent: 99 }])),
      /the shares of traffic sum up to 99; they must sum up to 100/,
    ],
    ['a share of none', changed((root) => (root.traffic = [{ revision: 'x', percent: 100 }])), /traffic\[0\]\.revision is "x"/],
    ['a history of others', changed((root) => (root.history = [])), /history does not end with [0-9a-f]{16}, the active revision/],
    ['bounds that are none', changed((root) => (root.scale[id].max = 0)), /scale\.[0-9a-f]{16} has min 0 and max 0/],
    ['an error rate that is none', changed((root) => (root.maxErrorRate = '5%')), /maxErrorRate is "5%"; it must be a number from 0/],
    ['no revisions', changed((root) => (root.revisions = {})), /revisions is \{\}; it must be a list/],
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
      /revisions\[0\]\.files\[0\]\.size is -1; it must be a whole number from 0/,
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
