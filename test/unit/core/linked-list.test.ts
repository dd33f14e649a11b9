import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { LinkedList, type ListNode } from '../../../src/core/linked-list.js';

class Item implements ListNode<Item> {
  previous: Item | undefined;
  next: Item | undefined;
}

test('the list behaves as an array, whatever joins, leaves and is taken', () => {
  const step = fc.oneof(fc.constant('push' as const), fc.constant('shift' as const), fc.nat({ max: 20 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const list = new LinkedList<Item>();
      const all: Item[] = [];
      let model: Item[] = [];
      for (const action of steps) {
        if (action === 'push') {
          const pushed = new Item();
          all.push(pushed);
          model.push(pushed);
          list.push(pushed);
        } else if (action === 'shift') {
          assert.equal(list.shift(), model.shift());
        } else {
          const chosen = all[action];
          if (chosen === undefined) continue;
          assert.equal(list.remove(chosen), model.includes(chosen));
          model = model.filter((other) => other !== chosen);
        }
        assert.equal(list.size, model.length);
        assert.equal(list.first, model[0]);
      }
    }),
  );
});
