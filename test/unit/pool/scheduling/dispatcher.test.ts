import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Call } from '../../../../src/pool/calls/call.js';
import { CallStream } from '../../../../src/pool/calls/call-stream.js';
import { NestedCall } from '../../../../src/pool/calls/nested-call.js';
import type { BatchOptions } from '../../../../src/pool/scheduling/batcher.js';
import { Dispatcher } from '../../../../src/pool/scheduling/dispatcher.js';
import { FakeWorker, fakeCall, fakeClock } from '../../../support/fake-pool.js';
import { noPool } from '../../../support/pool.js';

const single: BatchOptions = { maxSize: 1, maxDelayMs: 0, maxBytes: 1_000 };

/** A dispatcher and its workers, by the slots of each. What a pool does with a call is done here: give it where there is room, or queue it. */
function setUp(t: TestContext, slots: readonly number[], batch = single) {
  const clock = fakeClock(t);
  const workers: FakeWorker[] = [];
  const dispatcher = new Dispatcher(
    {
      get replicas() {
        return workers.map((worker) => ({ workers: [worker], running: worker.running }));
      },
    },
    { batch },
  );
  const events = {
    slotFreed: (worker: unknown) => dispatcher.feed(worker instanceof FakeWorker ? worker : assert.fail()),
    callReturned: (call: Call) => dispatcher.putBack([call]),
    callStarted: () => undefined,
  };
  workers.push(...slots.map((count, index) => new FakeWorker(events, index, index + 1, count)));
  const place = (call: Call): Call => {
    const worker = call.isNested || call.stream !== undefined ? dispatcher.workerWithSlot : dispatcher.workerWithRoom;
    if (worker === undefined) dispatcher.push(call);
    else dispatcher.give(call, worker);
    return call;
  };
  const call = (id: string, timeoutMs?: number): Call => place(fakeCall(noPool, id, timeoutMs).call);
  const nested = (id: string): Call => place(fakeCall(noPool, id, 1_000, { origin: new NestedCall(fakeCall(noPool, 'p').call, 1) }).call);
  const stream = (id: string): Call => {
    const { call: made } = fakeCall(noPool, id);
    const caller = { head: () => undefined, chunk: () => undefined, room: () => undefined };
    made.attachStream(new CallStream(made, { chunked: false, caller }, 1_000));
    return place(made);
  };
  t.after(() => dispatcher.stop());
  return { clock, dispatcher, workers, call, nested, stream };
}

describe('a dispatcher of single calls', () => {
  test('gives a call to the worker with the most free slots, and queues it where none has one', (t) => {
    const { workers, call, dispatcher } = setUp(t, [1, 2]);
    for (const id of ['a', 'b', 'c', 'd']) call(id);
    assert.deepEqual(
      workers.map(({ given }) => given),
      [[['b']], [['a'], ['c']]],
    );
    assert.equal(dispatcher.queued, 1);
  });

  test('gives a slot that becomes free to the call that waits longest; a nested one comes first', (t) => {
    const { workers, call, nested } = setUp(t, [1]);
    for (const id of ['a', 'b', 'c']) call(id);
    nested('n');
    const [worker] = workers;
    for (let index = 0; index < 3; index++) worker?.answer();
    assert.deepEqual(worker?.given.flat(), ['a', 'n', 'b', 'c']);
  });

  test('puts calls back in front, in their order', (t) => {
    const { workers, call, dispatcher } = setUp(t, [1]);
    call('a');
    call('d');
    dispatcher.putBack(['b', 'c'].map((id) => fakeCall(noPool, id).call));
    for (let index = 0; index < 3; index++) workers[0]?.answer();
    assert.deepEqual(workers[0]?.given.flat(), ['a', 'b', 'c', 'd']);
  });

  test('sends one call ahead to a worker with short calls, only while no slot is free; never a nested one or a stream', (t) => {
    const { workers, call, nested, stream, dispatcher } = setUp(t, [1, 1]);
    for (const worker of workers) worker.quick = true;
    for (const id of ['a', 'b', 'c', 'd', 'e']) call(id);
    assert.deepEqual(
      workers.map(({ given }) => given.flat()),
      [
        ['a', 'c'],
        ['b', 'd'],
      ],
    );
    assert.equal(dispatcher.queued, 1);
    dispatcher.takeAll();
    nested('n');
    stream('s');
    workers[0]?.returnAhead();
    assert.deepEqual(workers[0]?.given.flat(), ['a', 'c'], 'while a nested call waits nothing goes ahead');
    assert.equal(dispatcher.queued, 3);
  });

  test('asks for a call back that waits behind another while a worker is idle', async (t) => {
    const { clock, workers, call } = setUp(t, [1, 1]);
    const [busy, idle] = workers;
    assert.ok(busy !== undefined && idle !== undefined);
    busy.quick = true;
    call('a');
    call('b');
    call('ahead');
    assert.deepEqual(busy.given.flat(), ['a', 'ahead']);
    await clock.tick(20);
    assert.equal(busy.recalls, 0, 'no worker is idle');
    idle.answer();
    await clock.tick(20);
    assert.equal(busy.recalls, 1);
    busy.returnAhead();
    assert.deepEqual(idle.given.flat(), ['b', 'ahead']);
    await clock.tick(100);
    assert.equal(busy.recalls, 1, 'nothing waits any more');
  });
});

describe('a dispatcher of batches', () => {
  const batch: BatchOptions = { maxSize: 3, maxDelayMs: 20, maxBytes: 1_000 };
  function batching(t: TestContext, options: Partial<BatchOptions> = {}) {
    const tested = setUp(t, [1], { ...batch, ...options });
    for (const worker of tested.workers) worker.takesBatches = true;
    return { ...tested, given: () => tested.workers[0]?.given.map((ids) => ids.join(' ')) };
  }

  test('begins a full batch in the turn in which its calls came', async (t) => {
    const { clock, call, given, dispatcher } = batching(t);
    for (const id of ['a', 'b', 'c', 'd']) call(id);
    assert.deepEqual(given(), []);
    await clock.tick(0);
    assert.deepEqual(given(), ['a b c']);
    assert.deepEqual([dispatcher.queued, Object.entries(dispatcher.batchSizes)], [1, [['3', 1]]]);
  });

  test('waits for a fuller one as long as maxDelay says, counted from when a worker is free', async (t) => {
    const { clock, call, given, workers } = batching(t);
    call('a');
    await clock.tick(0);
    await clock.tick(19);
    assert.deepEqual(given(), []);
    await clock.tick(1);
    assert.deepEqual(given(), ['a']);
    call('b');
    await clock.tick(100);
    workers[0]?.answer();
    await clock.tick(0);
    await clock.tick(19);
    assert.deepEqual(given(), ['a']);
    call('c');
    await clock.tick(1);
    assert.deepEqual(given(), ['a', 'b c']);
  });

  test('takes along what comes in the turn in which a worker becomes free', async (t) => {
    const { clock, call, given, workers } = batching(t, { maxDelayMs: 0 });
    call('first');
    await clock.tick(0);
    call('waited');
    workers[0]?.answer();
    call('again');
    await clock.tick(0);
    assert.deepEqual(given(), ['first', 'waited again']);
  });

  test('leaves out a call that ends while it waits', async (t) => {
    const { clock, call, given, dispatcher } = batching(t);
    const [gone] = ['gone', 'a', 'b'].map((id) => call(id));
    assert.ok(gone !== undefined);
    dispatcher.remove(gone);
    await clock.tick(0);
    await clock.tick(20);
    assert.deepEqual(given(), ['a b']);
  });

  test('gives a Handler that takes one call at a time its calls one by one', async (t) => {
    const { clock, call, given, workers } = batching(t, { maxDelayMs: 0 });
    for (const worker of workers) worker.takesBatches = false;
    for (const id of ['a', 'b']) call(id);
    await clock.tick(0);
    workers[0]?.answer();
    await clock.tick(0);
    assert.deepEqual(given(), ['a', 'b']);
  });

  test('does not wait past what a call can still wait', async (t) => {
    const { clock, call, given } = batching(t, { maxDelayMs: 10_000 });
    call('patient', 60_000);
    call('hasty', 500);
    await clock.tick(499);
    assert.deepEqual(given(), ['patient hasty']);
  });

  test('rests when there is nothing to give', async (t) => {
    const { call, dispatcher, workers } = setUp(t, [1], { ...batch, maxDelayMs: 0 });
    for (const worker of workers) worker.takesBatches = true;
    t.mock.timers.reset();
    const scheduled = t.mock.method(globalThis, 'setImmediate');
    call('a');
    dispatcher.pump();
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => process.nextTick(() => setTimeout(resolve, 0)));
    workers[0]?.answer();
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => process.nextTick(() => setTimeout(resolve, 0)));
    assert.deepEqual(workers[0]?.given, [['a']]);
    assert.ok(scheduled.mock.callCount() <= 3, `${scheduled.mock.callCount()} turns were asked for`);
  });

  test('has a stream alone, and cuts a batch where its inputs get too large', async (t) => {
    const { clock, dispatcher, given, workers, stream } = batching(t, { maxDelayMs: 0 });
    for (const [id, length] of [
      ['a', 600],
      ['b', 400],
      ['c', 1],
    ] as const) {
      dispatcher.push(fakeCall(noPool, id, 1_000, { input: new Uint8Array(length) }).call);
    }
    stream('s');
    for (let index = 0; index < 4; index++) {
      await clock.tick(0);
      workers[0]?.answer();
    }
    assert.deepEqual(given(), ['a b', 'c', 's']);
  });
});
