import assert from 'node:assert/strict';
import test from 'node:test';
import type { Handler } from '@dcf/sdk';
import { CallRunner } from '../../../../../src/runtimes/node/calls/call-runner.js';
import type { Message } from '../../../../../src/wire/messages.js';

/** A runner whose messages are kept, and whose stream takes them when the test says so. */
function runner(handler: Handler, given: { concurrency?: number; takesAtOnce?: boolean } = {}) {
  const sent: Message[] = [];
  const handedOver: (() => void)[] = [];
  let idle = 0;
  const calls = new CallRunner({
    handler,
    concurrency: given.concurrency ?? 1,
    batches: false,
    maxPayload: 1_000,
    send: (message) => sent.push(message),
    callFor: () => Promise.reject(new Error('there are no other functions')),
    handOver: (done) => (given.takesAtOnce === false ? handedOver.push(done) : done()),
    flush: () => undefined,
    onIdle: () => {
      idle += 1;
    },
  });
  const take = (id: number, announce: boolean, timeoutMs = 10_000) =>
    calls.take({
      type: 'CALL',
      id,
      timeoutMs,
      more: false,
      streamIn: false,
      streamOut: false,
      announce,
      requestId: `r${id}`,
      metadata: undefined,
      body: Buffer.from(String(id)),
    });
  const told = () => sent.map((message) => `${message.type} ${'id' in message ? message.id : ''}`);
  return { calls, take, sent, told, handedOver, idleTimes: () => idle };
}

/** A Handler whose calls end when the test says so. */
function held() {
  const ends = new Map<string, (reply: string) => void>();
  const handler: Handler = { call: (request) => new Promise((resolve) => ends.set(request.text(), resolve)) };
  const end = async (id: number): Promise<void> => {
    ends.get(String(id))?.('done');
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { handler, ends, end };
}

test('a call ahead is announced after the reply before it, and runs only when the stream has taken both', async () => {
  const { handler, ends, end } = held();
  const { take, told, handedOver } = runner(handler, { takesAtOnce: false });
  take(1, false);
  take(2, true);
  assert.deepEqual(told(), []);
  await end(1);
  assert.deepEqual(told(), ['RESULT 1', 'STARTED 2']);
  assert.equal(ends.has('2'), false);
  handedOver.forEach((done) => {
    done();
  });
  assert.equal(ends.has('2'), true);
});

test('a call ahead that finds a free slot begins at once, and says so', () => {
  const { take, told } = runner({ call: () => 'fine' });
  take(1, true);
  assert.deepEqual(told(), ['STARTED 1', 'RESULT 1']);
});

test('a call ahead that is recalled comes back; one that has begun does not', () => {
  const { handler } = held();
  const { calls, take, told } = runner(handler);
  take(1, false);
  take(2, true);
  calls.recall(2);
  calls.recall(1);
  assert.deepEqual(told(), ['RETURNED 2']);
  assert.equal(calls.idle, false);
});

test('a call ahead whose deadline has passed does not begin', async (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  const { handler, ends, end } = held();
  const { take, told } = runner(handler);
  take(1, false);
  take(2, true, 1);
  take(3, true);
  t.mock.timers.tick(1);
  await end(1);
  assert.deepEqual(told(), ['RESULT 1', 'ERROR 2', 'STARTED 3']);
  assert.equal(ends.has('2'), false);
});

test('it is idle when nothing runs and nothing waits', async () => {
  const { handler, end } = held();
  const { calls, take, idleTimes } = runner(handler);
  take(1, false);
  take(2, true);
  await end(1);
  assert.deepEqual([calls.idle, idleTimes()], [false, 0]);
  await end(2);
  assert.deepEqual([calls.idle, idleTimes()], [true, 1]);
});
