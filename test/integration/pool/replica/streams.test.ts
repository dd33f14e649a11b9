import assert from 'node:assert/strict';
import test from 'node:test';
import { defer } from '../../../../src/core/promises.js';
import type { Outcome, Output, StreamedCall } from '../../../../src/pool/calls/invocation.js';
import { failureOf, startPool, type TestPool } from '../../../support/pool.js';
import { eventually } from '../../../support/processes.js';

const source = `export class Handler {
  call(request) {
    if (request.metadata.do === 'read') return request.chunks;
    if (request.metadata.do === 'leave') return 'left';
    if (request.metadata.do === 'many') return (function* () { for (let i = 0; i < 98; i++) yield Buffer.alloc(65536, i); })();
    return request.text();
  }
  callBatch(requests) { return requests.map((request) => request.text() + requests.length); }
}`;

/** A streamed call whose output waits here until the test takes it. */
function open({ pool }: TestPool, what: string, timeoutMs = Number.POSITIVE_INFINITY) {
  const chunks: Output[] = [];
  let room = 0;
  const settled = defer<Outcome>();
  const stream: StreamedCall = pool.stream({
    requestId: 'streamed',
    selector: undefined,
    input: new Uint8Array(),
    timeoutMs,
    metadata: { do: what },
    chunked: true,
    caller: {
      head: () => undefined,
      chunk: (chunk) => chunks.push(chunk),
      room: () => {
        room += 1;
      },
    },
    settle: settled.resolve,
  });
  const taken = (): void => {
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) stream.taken(chunk.output.length);
  };
  return { stream, chunks, taken, rooms: () => room, outcome: settled.promise };
}

test('input that comes before a worker has the call is bounded, and reaches it in order', async (t) => {
  const tested = await startPool(t, source, { replicas: { min: 1, max: 1 } });
  const blocking = open(tested, 'read');
  const { stream, chunks, taken, outcome } = open(tested, 'read');
  assert.equal(tested.pool.queued, 1);
  assert.equal(stream.write(Buffer.from('a')), true);
  assert.equal(stream.write(Buffer.alloc(300_000)), false);
  stream.end();
  blocking.stream.end();
  assert.equal((await blocking.outcome).ok, true);
  await eventually('all of it is there', () => chunks.length === 2);
  assert.deepEqual(
    chunks.map(({ output }) => output.length),
    [1, 300_000],
  );
  taken();
  assert.equal((await outcome).ok, true);
});

test('a worker sends no more than it has credit for, and the call is settled when all is taken', async (t) => {
  const tested = await startPool(t, source);
  const { chunks, taken, outcome, stream } = open(tested, 'many');
  stream.end();
  await eventually('the credit is used up', () => chunks.length >= 4);
  const next = tested.call('next');
  assert.equal(tested.pool.queued, 1, 'its slot is taken');
  assert.equal(chunks.length, 4);
  let settled = false;
  void outcome.then(() => {
    settled = true;
  });
  for (let count = 0; count < 96; count++) {
    await eventually('more comes', () => chunks.length > 0);
    stream.taken(chunks.shift()?.output.length ?? 0);
  }
  assert.equal(await next.text, 'next', 'the worker has ended it');
  assert.equal(settled, false);
  taken();
  assert.equal((await outcome).ok, true);
});

test('room is told of once the worker has read, and not for a call that is over', async (t) => {
  const tested = await startPool(t, source);
  const { stream, rooms, taken, chunks, outcome } = open(tested, 'read');
  assert.equal(stream.write(Buffer.alloc(200_000)), true);
  assert.equal(stream.write(Buffer.alloc(200_000)), false);
  await eventually('there is room', () => rooms() === 1);
  await eventually('both came back', () => chunks.length === 2);
  stream.cancel();
  assert.equal(failureOf(await outcome).code, 'CANCELLED');
  taken();
  assert.equal(stream.write(Buffer.alloc(1)), false);
  assert.equal(await tested.call('next').text, 'next');
  assert.equal(rooms(), 1);
});

test('a Handler that leaves its input unread answers, and the rest is dropped', async (t) => {
  const tested = await startPool(t, source);
  const { stream, chunks, taken, outcome } = open(tested, 'leave');
  for (let count = 0; count < 100; count++) stream.write(Buffer.alloc(1_000));
  await eventually('it answers', () => chunks.length === 1);
  taken();
  assert.equal((await outcome).ok, true);
  assert.equal(await tested.call('next').text, 'next');
});

test('streams stand in the queue between batches, and nothing is sent ahead of one', async (t) => {
  const tested = await startPool(t, source, { batch: { maxSize: 4, maxDelay: '5ms' } });
  for (let count = 0; count < 15; count++) await tested.call('x').text;
  const first = open(tested, 'read');
  await eventually('it runs', () => tested.pool.running === 1);
  const batch = ['a', 'b'].map((text) => tested.call(text));
  const second = open(tested, 'read');
  const last = tested.call('c');
  await eventually('all wait', () => tested.pool.queued === 4);
  assert.equal(tested.pool.running, 1);
  first.stream.end();
  assert.deepEqual(await Promise.all(batch.map(({ text }) => text)), ['a2', 'b2']);
  second.stream.end();
  assert.equal((await second.outcome).ok, true);
  assert.equal(await last.text, 'c1');
});

test('the timeout is for silence, and a caller who takes nothing is silent, too', async (t) => {
  const tested = await startPool(t, source, { timeout: '300ms' });
  const { stream, chunks, outcome } = open(tested, 'many');
  stream.end();
  const error = failureOf(await outcome);
  assert.equal(error.code, 'DEADLINE_EXCEEDED');
  assert.match(error.message, /nothing moved on the stream/);
  assert.equal(chunks.length, 4);
  assert.equal(await tested.call('next').text, 'next');
});
