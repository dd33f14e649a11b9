import assert from 'node:assert/strict';
import test from 'node:test';
import type { Call } from '../../../../src/pool/calls/call.js';
import { CallQueue } from '../../../../src/pool/calls/call-queue.js';
import { NestedCall } from '../../../../src/pool/calls/nested-call.js';
import { looseCall, noPool } from '../../../support/pool.js';

const makeCall = (requestId: string, origin?: NestedCall): Call => looseCall(noPool, requestId, origin);
const outer = makeCall('outer');
const nested = (requestId: string): Call => makeCall(requestId, new NestedCall(outer, 1));

function order(queue: CallQueue): string[] {
  const ids: string[] = [];
  for (let call = queue.first; call !== undefined; call = queue.after(call)) ids.push(call.invocation.requestId);
  return ids;
}

test('nested calls go in front of the others, each kind in its order; what comes back goes in front of its like', () => {
  const queue = new CallQueue();
  for (const call of [makeCall('o1'), nested('n1'), makeCall('o2'), nested('n2')]) queue.push(call);
  assert.deepEqual(order(queue), ['n1', 'n2', 'o1', 'o2']);
  queue.unshift(makeCall('o0'));
  queue.unshift(nested('n0'));
  assert.deepEqual(order(queue), ['n0', 'n1', 'n2', 'o0', 'o1', 'o2']);
  assert.deepEqual([queue.size, queue.nestedSize, queue.lastNested?.invocation.requestId], [6, 3, 'n2']);
  const taken: string[] = [];
  for (let call = queue.shift(); call !== undefined; call = queue.shift()) taken.push(call.invocation.requestId);
  assert.deepEqual(taken, ['n0', 'n1', 'n2', 'o0', 'o1', 'o2']);
});

test('a call can be taken out from anywhere, once', () => {
  const queue = new CallQueue();
  const calls = [makeCall('o1'), nested('n1'), makeCall('o2')];
  for (const call of calls) queue.push(call);
  for (const call of calls) assert.equal(queue.remove(call), true);
  for (const call of calls) assert.equal(queue.remove(call), false);
  assert.deepEqual([queue.size, queue.first], [0, undefined]);
});
