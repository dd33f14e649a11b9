import assert from 'node:assert/strict';
import test from 'node:test';
import type { Call } from '../../../../src/pool/calls/call.js';
import { CallStream } from '../../../../src/pool/calls/call-stream.js';
import { WorkerSlots } from '../../../../src/pool/replica/worker-slots.js';
import { looseCall, noPool, someWorker } from '../../../support/pool.js';

const makeCall = (): Call => looseCall(noPool, 'call');

function makeStream(): Call {
  const call = makeCall();
  const caller = { head: () => undefined, chunk: () => undefined, room: () => undefined };
  call.attachStream(new CallStream(call, { ...call.invocation, chunked: false, caller }, 1_000));
  return call;
}

/** Slots of a worker that has answered so many calls, each at once. */
function slotsAfter(answered: number, count = 1): WorkerSlots {
  const slots = new WorkerSlots(count, true);
  for (let index = 0; index < answered; index++) {
    const call = makeCall();
    call.assign(someWorker, 1, slots.take(call));
    slots.measure(call);
    slots.giveBack(call);
  }
  return slots;
}

test('a call may be sent ahead only where every slot is taken, and one at a time', () => {
  const slots = slotsAfter(10, 2);
  const calls = [makeCall(), makeCall(), makeCall()];
  const seen = calls.map((call) => [slots.free, slots.takesAhead, slots.take(call)]);
  assert.deepEqual(seen, [
    [2, false, false],
    [1, false, false],
    [0, true, true],
  ]);
  assert.equal(slots.takesAhead, false);
  assert.equal(slots.ahead, calls[2]);
  assert.equal(slots.aheadBegins, false);
});

test('the call ahead takes the slot that is given back, and begins there; by another number none does', () => {
  const slots = slotsAfter(10);
  const [held, ahead] = [makeCall(), makeCall()];
  held.assign(someWorker, 6, slots.take(held));
  ahead.assign(someWorker, 7, slots.take(ahead));
  slots.giveBack(held);
  assert.deepEqual([slots.free, slots.aheadBegins, slots.takesAhead], [0, true, false]);
  assert.throws(() => slots.begin(8), /the worker has started call 8, which was not sent ahead/);
  assert.equal(slots.begin(7), ahead);
  assert.deepEqual([slots.ahead, slots.takesAhead, ahead.startedAt > 0], [undefined, true, true]);
  assert.throws(() => slots.begin(7), { code: 'INTERNAL' });
  slots.giveBack(ahead);
  assert.equal(slots.free, 1);
});

test('a call ahead that comes back leaves room for another', () => {
  const slots = slotsAfter(10);
  const ahead = makeCall();
  slots.take(makeCall());
  slots.take(ahead);
  slots.giveBack(ahead);
  assert.deepEqual([slots.ahead, slots.takesAhead], [undefined, true]);
});

test('nothing is sent ahead before it is known that calls are short, nor of a stream', (t) => {
  const young = slotsAfter(9);
  young.take(makeCall());
  assert.equal(young.takesAhead, false);
  const slow = slotsAfter(9);
  const call = makeCall();
  call.assign(someWorker, 1, slow.take(call));
  const { now } = performance;
  t.mock.method(performance, 'now', () => now.call(performance) + 10_000);
  slow.measure(call);
  t.mock.restoreAll();
  assert.equal(slow.takesAhead, false);
  const streaming = slotsAfter(10);
  const stream = makeStream();
  streaming.take(stream);
  assert.deepEqual([streaming.hasStreams, streaming.takesAhead], [true, false]);
  streaming.giveBack(stream);
  streaming.take(makeCall());
  assert.deepEqual([streaming.hasStreams, streaming.takesAhead], [false, true]);
});

test('a batch has one slot, until its last call is answered', () => {
  const slots = slotsAfter(0);
  const calls = [makeCall(), makeCall(), makeCall()];
  slots.takeForBatch(calls);
  const free = calls.map((call) => {
    slots.giveBack(call);
    return slots.free;
  });
  assert.deepEqual(free, [0, 0, 1]);
});
