import assert from 'node:assert/strict';
import test from 'node:test';
import { Backoff } from '../../../src/core/backoff.js';

const options = { initialMs: 100, maximumMs: 1000, resetAfterMs: 5000 };

test('delays double up to the maximum, and begin afresh after a good run', () => {
  const backoff = new Backoff({ ...options, random: () => 0.5 });
  assert.deepEqual(
    [0, 0, 0, 0, 0, 4999].map((lived) => backoff.delayAfter(lived)),
    [100, 200, 400, 800, 1000, 1000],
  );
  assert.equal(backoff.delayAfter(5000), 100);
  assert.equal(backoff.delayAfter(0), 200);
});

test('jitter stays within a fifth of the delay', () => {
  assert.equal(new Backoff({ ...options, random: () => 0 }).delayAfter(0), 80);
  assert.ok(new Backoff({ ...options, random: () => 0.999 }).delayAfter(0) < 120);
});
