import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRevisionId, type RevisionId } from '../../../../src/core/names.js';
import {
  activated,
  aliased,
  canaryStopped,
  pruned,
  type Release,
  revisionBefore,
  revisionsIn,
  rolledBack,
  withAlias,
  withoutAlias,
  withScale,
  withTraffic,
} from '../../../../src/registry/model/release.js';

function idOf(digit: string): RevisionId {
  const id = digit.repeat(16);
  assert.ok(isRevisionId(id));
  return id;
}

const [a, b, c] = [idOf('a'), idOf('b'), idOf('c')];

/** `c` is active, and was so after `a` and `b`. */
const release =
  [a, b, c].reduce<Release | undefined>((before, id, at) => activated(before, id, at), undefined) ?? activated(undefined, a, 0);

function historyOf({ history }: Release): RevisionId[] {
  return history.map(({ revision }) => revision);
}

describe('an activation', () => {
  test('is the last one in the history', () => {
    assert.equal(release.active, c);
    assert.deepEqual(release.history, [
      { revision: a, at: 0 },
      { revision: b, at: 1 },
      { revision: c, at: 2 },
    ]);
  });

  test('of the active revision is none', () => {
    assert.deepEqual(activated(release, c, 9), release);
  });

  test('ends a split, and leaves aliases and bounds', () => {
    const before = withScale(withAlias(split(90, 10), 'prod', a), b, { min: 2, max: 2 });
    const after = activated(before, b, 9);
    assert.deepEqual([after.traffic, after.aliases, after.scale], [[], { prod: a }, { [b]: { min: 2, max: 2 } }]);
  });

  test('is forgotten after fifty others', () => {
    let long = release;
    for (let at = 0; at < 60; at++) long = activated(long, at % 2 === 0 ? a : b, at);
    assert.equal(long.history.length, 50);
  });
});

describe('a rollback', () => {
  test('goes to the revision that was active before, and then forward again', () => {
    const back = rolledBack(release, 3);
    assert.equal(back.active, b);
    assert.deepEqual(historyOf(back), [a, b, c, b]);
    assert.equal(rolledBack(back, 4).active, c);
  });

  test('passes over what is the active revision itself', () => {
    const { history } = pruned({ ...release, history: [...release.history, { revision: c, at: 3 }] }, new Set([a, c]));
    assert.equal(revisionBefore({ ...release, history }), a);
  });

  test('ends a split first: the active revision gets all of the calls', () => {
    assert.deepEqual(rolledBack(split(90, 10), 3), release);
  });

  test('has nowhere to go after the first deploy', () => {
    assert.throws(() => rolledBack(activated(undefined, a, 0), 1), { code: 'FAILED_PRECONDITION', message: /none to roll back to/ });
  });
});

/** The active revision `c` with one share and `b` with another. */
function split(ofActive: number, ofOther: number, maxErrorRate?: number): Release {
  const shares = [
    { revision: c, percent: ofActive },
    { revision: b, percent: ofOther },
  ];
  return withTraffic(release, shares, maxErrorRate, 9);
}

describe('traffic', () => {
  test('is split, and the active revision stays so', () => {
    const { active, traffic, history, maxErrorRate } = split(1, 99, 5);
    assert.deepEqual([active, history, maxErrorRate], [c, release.history, 5]);
    assert.deepEqual(
      traffic.map(({ percent }) => percent),
      [1, 99],
    );
  });

  test('that leaves out the active revision makes the one with most of it active', () => {
    const shares = [
      { revision: a, percent: 40 },
      { revision: b, percent: 60 },
    ];
    const { active, history } = withTraffic(release, shares, undefined, 9);
    assert.deepEqual([active, history.at(-1)], [b, { revision: b, at: 9 }]);
  });

  test('that goes to one revision is no split: it becomes active', () => {
    const whole = split(0, 100);
    assert.deepEqual([whole.active, whole.traffic], [b, []]);
    assert.deepEqual(split(100, 0), release);
  });

  const refused: readonly [string, readonly (readonly [RevisionId, number])[], RegExp][] = [
    ['too little', [[a, 99]], /sum up to 99 percent; allowed: 100/],
    ['nothing', [], /sum up to 0/],
    [
      'parts of a percent',
      [
        [a, 99.5],
        [b, 0.5],
      ],
      /is 99\.5; allowed: a whole number/,
    ],
    [
      'less than nothing',
      [
        [a, 110],
        [b, -10],
      ],
      /is 110; allowed/,
    ],
    [
      'a revision twice',
      [
        [a, 50],
        [a, 50],
      ],
      /has two shares/,
    ],
  ];
  for (const [what, given, message] of refused) {
    test(`is refused with ${what}`, () => {
      const shares = given.map(([revision, percent]) => ({ revision, percent }));
      assert.throws(() => withTraffic(release, shares, undefined, 9), { code: 'INVALID_ARGUMENT', message });
    });
  }

  test('has a limit of errors only where it is split, and one that is possible', () => {
    assert.throws(() => split(100, 0, 5), { code: 'INVALID_ARGUMENT' });
    for (const rate of [-1, 100, Number.NaN]) assert.throws(() => split(90, 10, rate), { code: 'INVALID_ARGUMENT', message: /from 0 to/ });
  });
});

describe('a canary that is stopped', () => {
  const stop = { revision: b, at: 9, calls: 20, errors: 3, maxErrorRate: 5 };

  test('leaves its share to the active revision', () => {
    const after = canaryStopped(split(90, 10, 5), stop);
    assert.deepEqual(after, { ...release, canaryStop: stop });
  });

  test('takes nothing from another canary, whose limit stays', () => {
    const shares = [
      { revision: c, percent: 50 },
      { revision: b, percent: 30 },
      { revision: a, percent: 20 },
    ];
    const after = canaryStopped(withTraffic(release, shares, 5, 9), stop);
    assert.deepEqual(after.traffic, [
      { revision: c, percent: 80 },
      { revision: a, percent: 20 },
    ]);
    assert.equal(after.maxErrorRate, 5);
  });

  test('is remembered until the traffic is changed', () => {
    const after = withAlias(canaryStopped(split(90, 10, 5), stop), 'prod', a);
    assert.equal(after.canaryStop, stop);
    assert.equal(activated(after, a, 10).canaryStop, undefined);
  });
});

describe('aliases', () => {
  test('name one revision each, and come and go', () => {
    const two = withAlias(withAlias(release, 'prod', a), 'next', b);
    assert.deepEqual(revisionsIn(two), [c, a, b]);
    assert.equal(aliased(withAlias(two, 'prod', b), 'prod'), b);
    assert.deepEqual(withoutAlias(two, 'prod').aliases, { next: b });
  });

  test('may be called what objects have', () => {
    assert.equal(aliased(release, 'constructor'), undefined);
    assert.equal(aliased(withAlias(release, 'constructor', a), 'constructor'), a);
  });
});
