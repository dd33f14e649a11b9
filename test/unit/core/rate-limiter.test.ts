import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RateLimiter } from '../../../src/core/rate-limiter.js';

function create(t: TestContext): { allowance: RateLimiter; told: number[]; take: (count: number) => number } {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: number[] = [];
  const allowance = new RateLimiter(3, (refused) => told.push(refused));
  const take = (count: number): number => Array.from({ length: count }, () => allowance.take()).filter(Boolean).length;
  return { allowance, told, take };
}

test('so many in a second; the others are told of once it is over, and only where there are any', (t) => {
  const { allowance, told, take } = create(t);
  assert.deepEqual([take(2), allowance.spent], [2, false]);
  assert.deepEqual([take(5), allowance.spent], [1, true]);
  t.mock.timers.tick(999);
  assert.deepEqual([take(1), told], [0, []]);
  t.mock.timers.tick(1);
  assert.deepEqual([told, take(3)], [[5], 3]);
  t.mock.timers.tick(10_000);
  assert.deepEqual(told, [5]);
});

test('it tells at once when it is asked to, or nothing, and begins anew', (t) => {
  const { allowance, told, take } = create(t);
  take(4);
  allowance.flush();
  assert.deepEqual([told, take(4)], [[1], 3]);
  allowance.forget();
  t.mock.timers.tick(1_000);
  assert.deepEqual([told, take(1)], [[1], 1]);
});
