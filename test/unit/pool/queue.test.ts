import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Call } from '../../../src/pool/call.js';
import { CallQueue } from '../../../src/pool/queue.js';

function call(id: number): Call {
  const invocation = { requestId: String(id), input: new Uint8Array(0), timeoutMs: 1, metadata: undefined, settle: () => undefined };
  return new Call(invocation, 1, () => undefined);
}

test('the queue behaves as a list, whatever joins, leaves and is taken', () => {
  const step = fc.oneof(fc.constant('push' as const), fc.constant('shift' as const), fc.nat({ max: 20 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const queue = new CallQueue();
      const all: Call[] = [];
      let model: Call[] = [];
      for (const action of steps) {
        if (action === 'push') {
          const pushed = call(all.length);
          all.push(pushed);
          model.push(pushed);
          queue.push(pushed);
        } else if (action === 'shift') {
          assert.equal(queue.shift(), model.shift());
        } else {
          const chosen = all[action];
          if (chosen === undefined) continue;
          assert.equal(queue.remove(chosen), model.includes(chosen));
          model = model.filter((other) => other !== chosen);
        }
        assert.equal(queue.size, model.length);
      }
    }),
  );
});
