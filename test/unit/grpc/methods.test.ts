import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  type AnyMethod,
  bidirectional,
  type CallContext,
  clientStream,
  type MethodOptions,
  type ReplyStream,
  serve,
  serverStream,
  unary,
} from '../../../src/grpc/methods.js';
import { StatusError, statusCodes } from '../../../src/grpc/status.js';
import { windowUpdate } from '../../support/http2/frames.js';
import { type Answer, TestGrpc, testStatus } from '../../support/http2/test-grpc.js';

class CallError extends Error {
  constructor(
    readonly code: 'CANCELLED' | 'DEADLINE_EXCEEDED',
    message: string,
  ) {
    super(message);
  }
}

const statusOf: MethodOptions['statusOf'] = (error) =>
  error instanceof CallError ? { code: statusCodes[error.code], message: error.message } : testStatus(error);

/** Serves a method whose requests and replies are texts. */
function open(method: AnyMethod<string, string>, options: Partial<MethodOptions> = {}): TestGrpc {
  const text = (value: unknown): string => {
    if (typeof value !== 'string') throw new TypeError('no text');
    return value;
  };
  const texts = (requests: AsyncIterable<unknown>): AsyncIterable<string> => ({
    [Symbol.asyncIterator]: () => {
      const all = requests[Symbol.asyncIterator]();
      return {
        next: async () => {
          const one = await all.next();
          return one.done === true ? { done: true, value: undefined } : { done: false, value: text(one.value) };
        },
      };
    },
  });
  const plain: AnyMethod<unknown, unknown> =
    method.kind === 'unary'
      ? unary((request, context) => method.run(text(request), context))
      : method.kind === 'server-stream'
        ? serverStream((request, replies) => method.run(text(request), replies))
        : method.kind === 'client-stream'
          ? clientStream((requests, context) => method.run(texts(requests), context))
          : bidirectional((requests, replies) => method.run(texts(requests), replies));
  const definition = {
    path: '/m',
    requestDeserialize: (bytes: Buffer) => {
      if (bytes.toString() === 'malformed') throw new Error('no message');
      return bytes.toString();
    },
    responseSerialize: (reply: unknown) => Buffer.from(text(reply)),
  };
  const served = serve(definition, plain, {
    authorize: () => undefined,
    statusOf,
    errorOf: (code, message) => new CallError(code, message),
    ...options,
  });
  return new TestGrpc({ '/m': served }, { statusOf });
}

/** Lets promises go on until a call has ended. */
async function ended(grpc: TestGrpc, id = 1): Promise<Answer> {
  for (let turns = 0; turns < 1_000; turns++) {
    const answer = grpc.answer(id);
    if (answer.ended) return answer;
    await setImmediate();
  }
  assert.fail('the call does not end');
}

/** Lets promises go on, and what is written with them. */
async function turns(grpc: TestGrpc): Promise<void> {
  for (let turn = 0; turn < 50; turn++) {
    grpc.connection.turn();
    await setImmediate();
  }
}

const statusAnd = ({ trailers, messages }: Answer): unknown[] => [trailers['grpc-status'], trailers['grpc-message'], messages.map(String)];

test('unary: one request, one reply', async () => {
  for (const run of [(request: string) => `${request}!`, async (request: string) => `${request}!`]) {
    const grpc = open(unary(run));
    grpc.begin(1, '/m', [['x-a', '1']]);
    grpc.message(1, 'hello', { end: true });
    assert.deepEqual(statusAnd(await ended(grpc)), ['0', undefined, ['hello!']]);
    assert.equal(grpc.budget.held, 0);
  }
});

test('a method knows the metadata of its call', async () => {
  const grpc = open(unary((_request, { metadata }) => String(metadata['x-a'])));
  grpc.begin(1, '/m', [['x-a', 'abc']]);
  grpc.message(1, '', { end: true });
  assert.deepEqual((await ended(grpc)).messages.map(String), ['abc']);
});

test('metadata goes in front of the replies and with the status, and what cannot be sent is the error of who sends it', async () => {
  const grpc = open(
    serverStream<string, string>(async (request, replies) => {
      replies.setTrailers({ 'x-late': request, 'y-bin': Buffer.from([1]) });
      replies.sendHeaders({ 'x-early': request });
      await replies.send('reply');
      replies.sendHeaders({ 'x-early': 'too late' });
      if (request === 'bad') replies.setTrailers({ 'x-late': '\u{1f600}' });
    }),
  );
  for (const [id, request, code] of [
    [1, 'good', '0'],
    [3, 'bad', '13'],
  ] as const) {
    grpc.begin(id, '/m');
    grpc.message(id, request, { end: true });
    const { headers, trailers, messages } = await ended(grpc, id);
    assert.deepEqual([headers['x-early'], trailers['x-late'], trailers['y-bin']], [request, request, 'AQ']);
    assert.deepEqual([trailers['grpc-status'], messages.map(String)], [code, ['reply']]);
  }
  const early = open(
    unary<string, string>((_request, context) => {
      context.sendHeaders({ x: '\n' });
      return 'never';
    }),
  );
  early.begin(1, '/m');
  early.message(1, 'a', { end: true });
  const answer = await ended(early);
  assert.deepEqual([answer.headers[':status'], answer.trailers['grpc-status']], ['200', '13']);
});

test('server stream: one request, many replies, as fast as the client takes them', async () => {
  let sent = 0;
  const grpc = open(
    serverStream<string, string>(async (request, replies) => {
      for (; sent < 20; sent++) await replies.send(request.repeat(10_000));
    }),
  );
  grpc.begin(1, '/m');
  grpc.message(1, 'x', { end: true });
  await turns(grpc);
  assert.ok(sent >= 6 && sent <= 8, `${sent} replies for a window of 64 KiB`);
  grpc.connection.send(windowUpdate(0, 1_000_000), windowUpdate(1, 1_000_000));
  assert.equal((await ended(grpc)).messages.length, 20);
});

test('client stream: many requests, one reply', async () => {
  const grpc = open(
    clientStream(async (requests) => {
      const all: string[] = [];
      for await (const request of requests) all.push(request);
      return all.join();
    }),
  );
  grpc.begin(1, '/m');
  for (const text of ['a', 'b', 'c']) {
    grpc.message(1, text);
    if (text === 'b') await turns(grpc);
  }
  grpc.body(1, Buffer.alloc(0), true);
  assert.deepEqual(statusAnd(await ended(grpc)), ['0', undefined, ['a,b,c']]);
});

test('bidirectional: replies come while requests come', async () => {
  const grpc = open(
    bidirectional(async (requests, replies) => {
      for await (const request of requests) await replies.send(`${request}!`);
    }),
  );
  grpc.begin(1, '/m');
  grpc.message(1, 'a');
  await turns(grpc);
  assert.deepEqual(grpc.answer(1).messages.map(String), ['a!']);
  grpc.message(1, 'b', { end: true });
  assert.deepEqual(statusAnd(await ended(grpc)), ['0', undefined, ['a!', 'b!']]);
});

test('streams of no request', async () => {
  const grpc = open(bidirectional(async (requests) => void (await requests[Symbol.asyncIterator]().next())));
  grpc.begin(1, '/m', [], true);
  assert.deepEqual(statusAnd(await ended(grpc)), ['0', undefined, []]);
});

for (const method of [unary<string, string>(() => 'never'), serverStream<string, string>(async () => undefined)]) {
  test(`${method.kind}: no request, two requests and half a request are refused`, async () => {
    const grpc = open(method);
    grpc.begin(1, '/m', [], true);
    assert.deepEqual(statusAnd(await ended(grpc, 1)), ['12', 'the call came without a request message', []]);
    grpc.begin(3, '/m');
    grpc.message(3, 'a');
    grpc.message(3, 'b', { end: true });
    assert.match(String(statusAnd(await ended(grpc, 3))), /^12,the call came with a second request message/);
    grpc.begin(5, '/m');
    grpc.body(5, Buffer.from([0, 0, 0]), true);
    assert.equal((await ended(grpc, 5)).trailers['grpc-status'], '3');
    assert.equal(grpc.budget.held, 0);
  });
}

const wrong = new Error('wrong');

test('what a method throws is the status, before its first reply and after it', async () => {
  const methods: AnyMethod<string, string>[] = [
    unary<string, string>(() => {
      throw wrong;
    }),
    unary<string, string>(() => Promise.reject(wrong)),
    serverStream<string, string>(() => Promise.reject(wrong)),
    clientStream<string, string>(() => Promise.reject(wrong)),
    bidirectional<string, string>(() => Promise.reject(wrong)),
    bidirectional<string, string>(() => {
      throw wrong;
    }),
  ];
  for (const method of methods) {
    const grpc = open(method);
    grpc.begin(1, '/m');
    grpc.message(1, 'a', { end: true });
    assert.deepEqual(statusAnd(await ended(grpc)), ['13', 'wrong', []]);
  }
  const late = open(
    serverStream(async (_request, replies) => {
      await replies.send('first');
      throw new StatusError('NOT_FOUND', 'late');
    }),
  );
  late.begin(1, '/m');
  late.message(1, 'a', { end: true });
  assert.deepEqual(statusAnd(await ended(late)), ['5', 'late', ['first']]);
});

test('a request that cannot be read, a reply that cannot be written, and a caller who may not call', async () => {
  const grpc = open(unary(() => 'never'));
  grpc.begin(1, '/m');
  grpc.message(1, 'malformed', { end: true });
  assert.deepEqual(statusAnd(await ended(grpc)), ['13', 'no message', []]);
  assert.equal(grpc.budget.held, 0);

  const unwritable = open(unary((): string => JSON.parse('1')));
  unwritable.begin(1, '/m');
  unwritable.message(1, 'a', { end: true });
  assert.deepEqual(statusAnd(await ended(unwritable)), ['13', 'no text', []]);

  const refused = open(
    unary(() => assert.fail('it is not called')),
    {
      authorize: () => {
        throw wrong;
      },
    },
  );
  refused.begin(1, '/m');
  refused.message(1, 'a', { end: true });
  assert.deepEqual(statusAnd(await ended(refused)), ['13', 'wrong', []]);
});

function codeOf(error: unknown): string {
  return error instanceof CallError ? error.code : String(error);
}

/** A method that waits until its signal aborts, and what it found then. */
function waiting(kind: 'unary' | 'requests' | 'replies'): { method: AnyMethod<string, string>; found: unknown[] } {
  const found: unknown[] = [];
  const untilAborted = ({ signal }: CallContext): Promise<string> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        found.push(signal.reason);
        reject(signal.reason);
      });
    });
  const methods: Record<typeof kind, AnyMethod<string, string>> = {
    unary: unary((_request, context) => untilAborted(context)),
    requests: clientStream(async (requests) => {
      try {
        for await (const _request of requests);
      } catch (error) {
        found.push(error);
        throw error;
      }
      return 'never';
    }),
    replies: serverStream(async (_request, replies: ReplyStream<string>) => {
      try {
        for (;;) await replies.send('x'.repeat(50_000));
      } catch (error) {
        found.push(error);
        throw error;
      }
    }),
  };
  return { method: methods[kind], found };
}

for (const kind of ['unary', 'requests', 'replies'] as const) {
  const send = (grpc: TestGrpc): void => grpc.message(1, 'a', { end: kind !== 'requests' });

  test(`the client gives up while a method waits for ${kind === 'unary' ? 'itself' : kind}`, async () => {
    for (const how of ['cancel', 'close'] as const) {
      const { method, found } = waiting(kind);
      const grpc = open(method);
      grpc.begin(1, '/m');
      send(grpc);
      await turns(grpc);
      assert.deepEqual(found, []);
      if (how === 'cancel') grpc.cancel(1);
      else grpc.connection.connection.closed();
      await turns(grpc);
      assert.deepEqual(found.map(codeOf), ['CANCELLED']);
      assert.equal(grpc.budget.held, 0);
      assert.equal(grpc.connection.openStreams, 0);
    }
  });

  test(`the deadline passes while a method waits for ${kind === 'unary' ? 'itself' : kind}`, async (t: TestContext) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { method, found } = waiting(kind);
    const grpc = open(method);
    grpc.begin(1, '/m', [['grpc-timeout', '700m']]);
    send(grpc);
    await turns(grpc);
    t.mock.timers.tick(600);
    await turns(grpc);
    assert.deepEqual(found, []);
    t.mock.timers.tick(101);
    // The status comes behind what the client has not taken.
    grpc.connection.send(windowUpdate(0, 1_000_000), windowUpdate(1, 1_000_000));
    const answer = await ended(grpc);
    assert.deepEqual([answer.trailers['grpc-status'], answer.trailers['grpc-message']], ['4', 'the deadline of the call passed']);
    await turns(grpc);
    assert.deepEqual(found.map(codeOf), ['DEADLINE_EXCEEDED']);
    assert.equal(grpc.budget.held, 0);
  });
}

test('a deadline that is over the longest timer is none', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { method, found } = waiting('unary');
  const grpc = open(method);
  grpc.begin(1, '/m', [['grpc-timeout', '99999999H']]);
  grpc.message(1, 'a', { end: true });
  await turns(grpc);
  t.mock.timers.tick(2 ** 31 - 1);
  await turns(grpc);
  assert.deepEqual(found, []);
  grpc.cancel(1);
});

test('who reads or sends after the deadline is told of the deadline, and after the end of its call is told, too', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const found: unknown[] = [];
  let stray: (() => Promise<void>) | undefined;
  const grpc = open(
    bidirectional(async (requests, replies) => {
      stray = () => replies.send('late');
      for (const act of [
        () => requests[Symbol.asyncIterator]().next(),
        () => replies.send('late'),
        () => requests[Symbol.asyncIterator]().next(),
      ])
        await act().catch((error: unknown) => found.push(error));
    }),
  );
  grpc.begin(1, '/m', [['grpc-timeout', '1S']]);
  await turns(grpc);
  t.mock.timers.tick(1_001);
  assert.equal((await ended(grpc)).trailers['grpc-status'], '4');
  await turns(grpc);
  assert.deepEqual(found.map(codeOf), ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
  grpc.begin(3, '/m', [], true);
  await ended(grpc, 3);
  await assert.rejects(stray ?? assert.fail, CallError);
});
