import assert from 'node:assert/strict';
import test from 'node:test';
import { DcfError } from '../../../../src/core/errors.js';
import { Call } from '../../../../src/pool/calls/call.js';
import { CallStream } from '../../../../src/pool/calls/call-stream.js';
import type { Outcome } from '../../../../src/pool/calls/invocation.js';
import { InFlightCalls } from '../../../../src/pool/replica/in-flight-calls.js';
import { WorkerSlots } from '../../../../src/pool/replica/worker-slots.js';
import { noPool, someWorker } from '../../../support/pool.js';

/** The calls of a worker with one slot, and all that is told of them, in order. */
function held() {
  const told: string[] = [];
  const slots = new WorkerSlots(1, true);
  const calls = new InFlightCalls(2, slots, {
    freed: () => told.push('freed'),
    becameStream: () => told.push('a stream'),
    send: ({ type }) => told.push(`to the worker: ${type}`),
    returned: (call) => told.push(`${call.invocation.requestId} returned`),
    started: (call) => told.push(`${call.invocation.requestId} started`),
    threw: (stack, call) => told.push(`${call.invocation.requestId} threw ${stack}`),
  });
  const add = (requestId: string, streamed = false): Call => {
    const settle = (outcome: Outcome): void => {
      told.push(`${requestId} ${outcome.ok ? `has ${outcome.output.length} bytes` : `${outcome.error.code} ${outcome.error.message}`}`);
    };
    const input = new Uint8Array();
    const invocation = { requestId, selector: undefined, input, timeoutMs: 10_000, metadata: undefined, settle };
    const call = new Call(invocation, 10_000, noPool);
    if (streamed) {
      const caller = { head: () => undefined, chunk: () => told.push(`${requestId} chunk`), room: () => told.push(`${requestId} room`) };
      call.attachStream(new CallStream(call, { ...invocation, chunked: true, caller }, 1_000));
    }
    const ahead = slots.take(call);
    call.assign(someWorker, calls.add(call), ahead);
    return call;
  };
  return { calls, slots, add, told };
}

const body = Buffer.from('four');
const failed = { type: 'ERROR', message: 'no', reason: undefined } as const;

test('each answer ends its call, then tells of the slot; what a Handler chose to say has no stack in the log', () => {
  const { calls, add, told } = held();
  calls.receive({ type: 'RESULT', id: add('a').wireId, body });
  calls.receive({ ...failed, id: add('b').wireId, code: 'UNKNOWN', stack: 'at b' });
  calls.receive({ ...failed, id: add('c').wireId, code: 'NOT_FOUND', stack: 'at c' });
  assert.deepEqual(told, ['a has 4 bytes', 'freed', 'b threw at b', 'b UNKNOWN no', 'freed', 'c NOT_FOUND no', 'freed']);
  assert.equal(calls.count, 0);
});

test('a call ahead starts, or comes back; it is not begun before', () => {
  const { calls, slots, add, told } = held();
  const first = add('a');
  const second = add('b');
  assert.equal(calls.begun(second.wireId), undefined);
  assert.deepEqual([...calls.inSlots()], [first]);
  calls.receive({ type: 'RETURNED', id: second.wireId });
  const third = add('c');
  calls.receive({ type: 'RESULT', id: first.wireId, body });
  calls.receive({ type: 'STARTED', id: third.wireId });
  assert.deepEqual(told, ['b returned', 'freed', 'a has 4 bytes', 'freed', 'c started', 'freed']);
  assert.equal(calls.begun(third.wireId), third);
  assert.equal(slots.free, 0);
});

test('a stream has its chunks and its end; what crossed its end is dropped', () => {
  const { calls, add, told } = held();
  const call = add('a', true);
  const { wireId: id } = call;
  assert.equal(calls.streaming, true);
  calls.receive({ type: 'DATA', id, body });
  calls.receive({ type: 'END', id });
  assert.deepEqual(told, ['a chunk', 'freed']);
  call.stream?.taken(body.length);
  calls.receive({ type: 'DATA', id, body });
  calls.receive({ type: 'CREDIT', id, bytes: 1 });
  calls.receive({ type: 'END', id });
  assert.deepEqual(told, ['a chunk', 'freed', 'a has 0 bytes']);
  assert.equal(calls.streaming, false);
});

test('a call whose caller takes chunks as well becomes a stream with the first; at rest it is none', () => {
  const { calls, slots, add, told } = held();
  const takes = (call: Call): void => {
    const caller = {
      head: ({ status }: { status: number }) => told.push(`head ${status}`),
      chunk: () => told.push('chunk'),
      room: () => undefined,
    };
    Object.assign(call.invocation, { onChunks: () => caller });
  };
  const plain = add('a');
  takes(plain);
  calls.receive({ type: 'REPLY_HEAD', id: plain.wireId, head: { status: 201, headers: [] } });
  calls.receive({ type: 'RESULT', id: plain.wireId, kind: 'text', body });
  assert.deepEqual(told.splice(0), ['a has 4 bytes', 'freed']);
  const empty = add('b');
  takes(empty);
  calls.receive({ type: 'END', id: empty.wireId });
  assert.deepEqual(told.splice(0), ['b has 0 bytes', 'freed']);
  const streamed = add('c');
  takes(streamed);
  calls.receive({ type: 'REPLY_HEAD', id: streamed.wireId, head: { status: 206, headers: [] } });
  calls.receive({ type: 'DATA', id: streamed.wireId, body });
  assert.equal(slots.hasStreams, true);
  calls.receive({ type: 'END', id: streamed.wireId });
  streamed.stream?.taken(body.length);
  assert.deepEqual(told.splice(0), ['head 206', 'a stream', 'chunk', 'freed', 'c has 0 bytes']);
  assert.equal(slots.hasStreams, false);
  const gone = add('d');
  takes(gone);
  gone.fail(new DcfError('CANCELLED', 'gone'));
  told.splice(0);
  calls.receive({ type: 'DATA', id: gone.wireId, body });
  calls.receive({ type: 'END', id: gone.wireId });
  assert.deepEqual(told, ['freed']);
  assert.equal(slots.free, 1);
});

test('what breaks the protocol is refused: an answer to nothing, chunks of what is no stream', () => {
  const { calls, add } = held();
  const { wireId: id } = add('a');
  assert.throws(() => calls.receive({ type: 'RESULT', id: id + 1, body }), /the worker answered call \d+, which it does not have/);
  assert.throws(() => calls.receive({ type: 'DATA', id, body }), /the worker sent DATA for call \d+, which is not a stream/);
  assert.throws(() => calls.receive({ type: 'END', id }), { code: 'INTERNAL' });
  assert.equal(calls.count, 1);
});

test('when the worker is gone every call ends but the one that is spared', () => {
  const { calls, slots, add, told } = held();
  add('a');
  const spared = add('b');
  calls.endAll(new DcfError('INTERNAL', 'gone'), spared);
  assert.deepEqual(told, ['a INTERNAL gone']);
  assert.deepEqual([spared.settled, calls.count, slots.free], [false, 0, 1]);
});
