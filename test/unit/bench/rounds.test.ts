import assert from 'node:assert/strict';
import { it } from 'node:test';
import { interleave, rounds } from '../../../bench/harness/rounds.js';

it('measures two sides in turn, at least five times, and forgets the first', async () => {
  const order: string[] = [];
  const side = (name: string) => async () => {
    order.push(name);
    return order.length;
  };
  const measured = await interleave(side('a'), side('b'));
  assert.ok(rounds >= 5);
  assert.equal(order.join(''), 'ab'.repeat(rounds + 1));
  assert.deepEqual(
    measured.subject,
    Array.from({ length: rounds }, (_, round) => 3 + 2 * round),
  );
  assert.deepEqual(
    measured.peer,
    measured.subject.map((value) => value + 1),
  );
});
