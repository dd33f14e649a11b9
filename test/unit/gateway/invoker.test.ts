import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Target } from '../../../src/control/live/router.js';
import { DcfError, isNotStarted } from '../../../src/core/errors.js';
import type { FunctionName } from '../../../src/core/names.js';
import { defer } from '../../../src/core/promises.js';
import { type InvokeRequest, Invoker, type StreamRequest } from '../../../src/gateway/invoker.js';
import type { Call } from '../../../src/pool/calls/call.js';
import type { Outcome, StreamCaller, StreamedCall } from '../../../src/pool/calls/invocation.js';
import { NestedCall } from '../../../src/pool/calls/nested-call.js';
import type { FunctionPool } from '../../../src/pool/function-pool.js';
import { fakeFunctionPool } from '../../support/fake-function-pool.js';
import type { FakeWorker } from '../../support/fake-pool.js';
import { failureOf, looseCall } from '../../support/pool.js';

const name = 'tested';
const maxPayload = 300_000;

interface TestStream {
  stream: StreamedCall;
  /** Resolves when there is room for input again. */
  room: Promise<void>;
  outcome: Promise<Outcome>;
}

interface TestInvoker {
  invoker: Invoker;
  pool: FunctionPool;
  worker: FakeWorker;
  /** Makes a call, which is answered at once where a worker has it. */
  answered: (request?: Partial<InvokeRequest>) => Promise<Outcome>;
  invoke: (request?: Partial<InvokeRequest>) => Promise<Outcome>;
  stream: (request?: Partial<StreamRequest>) => TestStream;
}

async function startInvoker(t: TestContext, maxBytesInFlight = 10_000_000): Promise<TestInvoker> {
  const { pool, worker } = fakeFunctionPool(t);
  await pool.start();
  const resolve = (found: FunctionName): Target => ({ name: found, pool, maxPayload, canary: undefined, callLog: false });
  const invoker = new Invoker({ maxBytesInFlight, resolve, peek: resolve });
  const head = { function: name, requestId: undefined, selector: undefined, metadata: undefined, timeoutMs: 20_000 };
  const invoke = (request: Partial<InvokeRequest> = {}): Promise<Outcome> =>
    new Promise((resolve) => invoker.invoke({ ...head, input: Buffer.from('in'), ...request }, resolve));
  return {
    invoker,
    pool,
    worker: worker(),
    invoke,
    answered: (request) => {
      const outcome = invoke(request);
      worker().answer();
      return outcome;
    },
    stream: (request) => {
      let stream: StreamedCall | undefined;
      const room = defer<void>();
      // A stream's answer counts as taken once its caller says so.
      const caller: StreamCaller = { head: () => undefined, chunk: ({ output }) => stream?.taken(output.length), room: room.resolve };
      const settled = defer<Outcome>();
      stream = invoker.stream({ ...head, input: undefined, ...request }, caller, settled.resolve);
      return { stream, room: room.promise, outcome: settled.promise };
    },
  };
}

/** The worker's side of the stream that it has. */
function streamOf(worker: FakeWorker): NonNullable<Call['stream']> {
  return worker.holders()[0]?.stream ?? assert.fail('the worker has no stream');
}

async function refusalOf(outcome: Promise<Outcome>): Promise<[code: string, message: string]> {
  const { code, message } = failureOf(await outcome);
  return [code, message];
}

test('an input counts in the budget until its call is settled, whether it was counted before or not', async (t) => {
  const { invoker, invoke, worker } = await startInvoker(t);
  const outcome = invoke({ input: Buffer.alloc(1000) });
  assert.equal(invoker.budget.taken, 1000);
  worker.answer();
  assert.ok((await outcome).ok);
  assert.equal(invoker.budget.taken, 0);
  invoker.budget.take(2000);
  const counted = invoke({ input: Buffer.alloc(2000), counted: true });
  assert.equal(invoker.budget.taken, 2000);
  worker.answer();
  assert.ok((await counted).ok);
  assert.equal(invoker.budget.taken, 0);
});

test('what a refused call had of the budget is given back, and no more', async (t) => {
  const { invoker, invoke, stream } = await startInvoker(t);
  const refused = { function: 'No Name' };
  assert.equal((await refusalOf(invoke(refused)))[0], 'INVALID_ARGUMENT');
  assert.equal((await refusalOf(stream(refused).outcome))[0], 'INVALID_ARGUMENT');
  assert.equal(invoker.budget.taken, 0);
  invoker.budget.take(2);
  assert.equal((await refusalOf(invoke({ ...refused, counted: true })))[0], 'INVALID_ARGUMENT');
  assert.equal(invoker.budget.taken, 0);
});

test('an input over the limit of its function is refused with both numbers, one of its very length is taken', async (t) => {
  const { invoker, invoke, answered, stream } = await startInvoker(t);
  assert.ok((await answered({ input: Buffer.alloc(maxPayload) })).ok);
  const tooLong = Buffer.alloc(maxPayload + 1);
  const refusal = ['RESOURCE_EXHAUSTED', 'the input has 300001 bytes; limits.payload of tested is 300000'];
  assert.deepEqual(await refusalOf(invoke({ input: tooLong })), refusal);
  assert.deepEqual(await refusalOf(stream({ input: tooLong }).outcome), refusal);
  assert.equal(invoker.budget.taken, 0);
});

test('an input for which the budget has no room is refused until there is some', async (t) => {
  const { invoker, invoke, answered, stream } = await startInvoker(t, 1000);
  invoker.budget.take(999);
  for (const outcome of [invoke({ input: Buffer.alloc(2) }), stream().outcome]) {
    const { code, retryAfterMs } = failureOf(await outcome);
    assert.deepEqual([code, retryAfterMs], ['RESOURCE_EXHAUSTED', 100]);
  }
  assert.ok((await answered({ input: Buffer.alloc(1) })).ok);
  invoker.budget.give(999);
  assert.equal(invoker.budget.taken, 0);
});

test('a daemon that shuts down takes no call from outside, and those of Handlers still', async (t) => {
  const { invoker, invoke, answered, pool } = await startInvoker(t);
  invoker.draining = true;
  const error = failureOf(await invoke());
  assert.deepEqual([error.code, isNotStarted(error)], ['UNAVAILABLE', true]);
  assert.ok((await answered({ origin: new NestedCall(looseCall(pool, 'outer'), 1) })).ok);
});

test("a call's id and its metadata have limits", async (t) => {
  const { invoker } = await startInvoker(t);
  const check = (requestId: string | undefined, text = ''): Target =>
    invoker.check({ function: name, requestId, selector: undefined, metadata: { a: text } });
  for (const requestId of [undefined, '!', 'x'.repeat(128)]) check(requestId);
  for (const requestId of ['', 'x'.repeat(129), 'two words', 'line\n', 'grüße']) {
    assert.throws(() => check(requestId), { code: 'INVALID_ARGUMENT', message: /^dcf-request-id must be 1 to 128 printable/ }, requestId);
  }
  const around = JSON.stringify({ a: '' }).length;
  check('id', 'x'.repeat(32 * 1024 - around));
  assert.throws(() => check('id', 'x'.repeat(32 * 1024 - around + 1)), { code: 'INVALID_ARGUMENT', message: /over the limit of 32 KiB/ });
});

test('a stream counts half a MiB for as long as it goes on, and a long chunk until it is taken', async (t) => {
  const { invoker, stream, worker } = await startInvoker(t);
  const window = 256 * 1024;
  const read = stream();
  streamOf(worker).open(() => undefined);
  assert.equal(invoker.budget.taken, 2 * window);
  read.stream.write(Buffer.alloc(1000));
  assert.equal(invoker.budget.taken, 2 * window);
  read.stream.write(Buffer.alloc(window + 1));
  assert.equal(invoker.budget.taken, 3 * window + 1);
  streamOf(worker).grant(window + 1_001);
  await read.room;
  assert.equal(invoker.budget.taken, 2 * window);
  read.stream.end();
  worker.answer();
  assert.ok((await read.outcome).ok);
  assert.equal(invoker.budget.taken, 0);
  const givenUp = stream();
  givenUp.stream.write(Buffer.alloc(window + 1));
  givenUp.stream.cancel();
  assert.equal((await refusalOf(givenUp.outcome))[0], 'CANCELLED');
  assert.equal(invoker.budget.taken, 0);
});

test('a chunk over the limit, or without room in the budget, ends its call with words', async (t) => {
  const { invoker, stream } = await startInvoker(t, 600_000);
  const tooLong = stream();
  assert.equal(tooLong.stream.write(Buffer.alloc(maxPayload + 1)), false);
  assert.deepEqual(await refusalOf(tooLong.outcome), [
    'RESOURCE_EXHAUSTED',
    'the chunk has 300001 bytes; limits.payload of tested is 300000',
  ]);
  const noRoom = stream();
  invoker.budget.take(1024);
  assert.equal(noRoom.stream.write(Buffer.alloc(maxPayload)), false);
  assert.match((await refusalOf(noRoom.outcome))[1], /the inputs of calls in flight hold 513 KiB/);
  invoker.budget.give(1024);
  assert.equal(invoker.budget.taken, 0);
});

test('a call whose function cannot be found fails with what the router says', async () => {
  const resolve = (): Target => {
    throw new DcfError('NOT_FOUND', 'there is no function tested');
  };
  const invoker = new Invoker({ maxBytesInFlight: 1, resolve, peek: resolve });
  const head = { function: name, requestId: undefined, selector: undefined, metadata: undefined, timeoutMs: 1000 };
  const outcome = new Promise<Outcome>((resolve) => invoker.invoke({ ...head, input: Buffer.from('in') }, resolve));
  assert.deepEqual(await refusalOf(outcome), ['NOT_FOUND', 'there is no function tested']);
  assert.equal(invoker.budget.taken, 0);
});
