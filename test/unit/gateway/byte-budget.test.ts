import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ByteBudget } from '../../../src/gateway/byte-budget.js';

const full = { code: 'RESOURCE_EXHAUSTED', retryAfterMs: 100 };

test('what is taken has to fit, and what does not fit takes nothing', () => {
  const budget = new ByteBudget(100);
  budget.take(60);
  assert.throws(() => budget.take(41), { ...full, message: /calls in flight hold 60 B, and the limit is 100 B \(--max-bytes-in-flight\)/ });
  assert.equal(budget.taken, 60);
  budget.take(40);
  budget.give(100);
  assert.equal(budget.taken, 0);
});

test('an input that is alone fits, in one piece or in many', () => {
  const budget = new ByteBudget(100);
  budget.take(1_000);
  assert.throws(() => budget.check(1), full);
  budget.give(1_000);
  budget.take(90);
  budget.take(90, 90);
  assert.throws(() => budget.take(1), full, 'it is not alone');
  budget.give(180);
});

test('an input that is not alone fits only within the limit', () => {
  const budget = new ByteBudget(100);
  budget.take(10);
  budget.take(80);
  assert.throws(() => budget.take(20, 80), full);
});

test('several inputs in pieces never hold more than the limit', () => {
  const pieces = fc.array(fc.record({ owner: fc.nat(3), size: fc.integer({ min: 1, max: 60 }) }), { maxLength: 40 });
  fc.assert(
    fc.property(pieces, (all) => {
      const budget = new ByteBudget(100);
      const owned = [0, 0, 0, 0];
      for (const { owner, size } of all) {
        const own = owned[owner] ?? 0;
        const alone = budget.taken === own;
        try {
          budget.take(size, own);
        } catch {
          assert.ok(budget.taken + size > 100);
          continue;
        }
        owned[owner] = own + size;
        assert.ok(alone || budget.taken <= 100);
      }
      assert.equal(
        budget.taken,
        owned.reduce((sum, own) => sum + own, 0),
      );
    }),
  );
});
