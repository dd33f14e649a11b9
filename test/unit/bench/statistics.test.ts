import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, percentile, ratios, summarize } from '../../../bench/harness/statistics.js';

describe('median', () => {
  it('is the middle one in numeric order, whatever order they come in', () => {
    assert.equal(median([100, 9, 20]), 20);
  });

  it('is between the two middle ones of an even number', () => {
    assert.equal(median([4, 1, 3, 2]), 2.5);
  });

  it('leaves the values as they are', () => {
    const values = [3, 1, 2];
    median(values);
    assert.deepEqual(values, [3, 1, 2]);
  });

  it('refuses nothing at all', () => {
    assert.throws(() => median([]), RangeError);
  });
});

describe('summarize', () => {
  it('tells the median and how far the values spread', () => {
    assert.deepEqual(summarize([5, 1, 9]), { median: 5, min: 1, max: 9 });
  });
});

describe('ratios', () => {
  it('compares round by round, so that a slow round of both is no difference', () => {
    assert.deepEqual(ratios([10, 2, 9], [20, 4, 10]), [0.5, 0.5, 0.9]);
  });

  it('refuses sides with different numbers of rounds', () => {
    assert.throws(() => ratios([1, 2], [1]), /2 rounds cannot be compared with 1/);
  });
});

it('a percentile is the value of the nearest rank', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  assert.equal(percentile(values, 0.99), 198);
  assert.equal(percentile(values, 0.5), 100);
  assert.equal(percentile(values, 1), 200);
  assert.equal(percentile([7], 0.01), 7);
  assert.throws(() => percentile([], 0.5), RangeError);
});
