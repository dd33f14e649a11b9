import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { CallHandler, Method, ServerCall } from '../../../src/grpc/call.js';
import { statusCodes } from '../../../src/grpc/status.js';
import { data, flag, types, windowUpdate } from '../../support/http2/frames.js';
import { framed, TestBudget, TestGrpc, type TestGrpcOptions } from '../../support/http2/test-grpc.js';

/** A method whose calls write down what they are told. */
class Recorded implements Method {
  readonly told: string[] = [];
  readonly calls: ServerCall[] = [];
  /** Whether the bytes of a message are released at once, and the next message asked for. */
  reads = true;
  onMessage: (bytes: Buffer) => void = () => undefined;

  constructor(readonly streamed = true) {}

  get call(): ServerCall {
    const call = this.calls.at(-1);
    assert.ok(call !== undefined);
    return call;
  }

  begin(call: ServerCall): CallHandler {
    this.calls.push(call);
    return {
      message: (bytes) => {
        this.told.push(`message ${bytes.length > 40 ? bytes.length : bytes.toString('latin1')}`);
        call.release(bytes.length);
        this.onMessage(bytes);
        if (this.reads) call.read();
      },
      halfClose: () => this.told.push('end'),
      cancelled: () => this.told.push('cancelled'),
    };
  }
}

function open(options: TestGrpcOptions & { method?: Recorded } = {}): { grpc: TestGrpc; method: Recorded } {
  const { method = new Recorded() } = options;
  return { grpc: new TestGrpc({ '/m': method }, options), method };
}

/** Waits until what is being inflated is done. */
async function until(done: () => boolean): Promise<void> {
  for (let turns = 0; !done(); turns++) {
    assert.ok(turns < 100_000, 'it never comes');
    await setImmediate();
  }
}

const gzip: readonly [string, string][] = [['grpc-encoding', 'gzip']];
const ok = { code: statusCodes.OK };

test('messages, their end and the answer', () => {
  const { grpc, method } = open();
  grpc.begin(1, '/m');
  grpc.message(1, 'first');
  grpc.message(1, '');
  grpc.message(1, 'last', { end: true });
  assert.deepEqual(method.told, ['message first', 'message ', 'message last', 'end']);
  method.call.sendHeaders(['x-a', '1']);
  method.call.sendHeaders(['x-a', '2']);
  method.call.send(Buffer.from('reply'));
  method.call.send(Buffer.alloc(0));
  method.call.end({ code: statusCodes.NOT_FOUND, message: 'ä', trailers: ['x-b', '3'] });
  const answer = grpc.answer(1);
  assert.deepEqual(answer.headers, { ':status': '200', 'content-type': 'application/grpc', 'x-a': '1' });
  assert.deepEqual(answer.messages.map(String), ['reply', '']);
  assert.deepEqual(answer.trailers, { 'grpc-status': '5', 'grpc-message': '%C3%A4', 'x-b': '3' });
  assert.deepEqual([answer.ended, answer.reset], [true, undefined]);
  assert.equal(grpc.budget.held, 0);
});

test('an answer of a status alone is one frame', () => {
  const { grpc, method } = open();
  grpc.begin(1, '/m', [], true);
  method.call.end({ code: 5, message: 'x' });
  const [only, ...more] = grpc.connection.frames();
  assert.deepEqual([only?.type, only?.flags, more.length], [types.headers, flag.endHeaders | flag.endStream, 0]);
});

test('messages come as they are asked for', () => {
  const { grpc, method } = open();
  method.reads = false;
  grpc.begin(1, '/m');
  grpc.body(1, Buffer.concat([framed('a'), framed('b'), framed('c')]), true);
  assert.deepEqual(method.told, ['message a']);
  method.call.read();
  assert.deepEqual(method.told, ['message a', 'message b']);
  method.call.read();
  assert.deepEqual(method.told, ['message a', 'message b', 'message c', 'end']);
  method.call.read();
  assert.deepEqual(method.told, ['message a', 'message b', 'message c', 'end']);
});

test('credit comes back when the next message is asked for, and a message larger than the window gets its own', () => {
  const { grpc, method } = open({ limits: { streamWindow: 65_535 } });
  method.reads = false;
  grpc.begin(1, '/m');
  grpc.message(1, Buffer.alloc(40_000));
  assert.deepEqual(
    grpc.connection.sent().filter((one) => one.startsWith('WINDOW_UPDATE 1')),
    [],
  );
  method.call.read();
  assert.deepEqual(
    grpc.connection.sent().filter((one) => one.startsWith('WINDOW_UPDATE 1')),
    ['WINDOW_UPDATE 1 40005'],
  );
  grpc.connection.send(data(1, framed(Buffer.alloc(500_000)).subarray(0, 5)));
  const [update] = grpc.connection.frames();
  assert.equal(update?.payload.readUInt32BE(0), 500_000 - 65_530);
});

for (const [what, send] of Object.entries({
  'the headers alone': () => undefined,
  'a part of a prefix': (grpc: TestGrpc) => grpc.connection.send(data(1, framed('abc').subarray(0, 3))),
  'a part of a message': (grpc: TestGrpc) => grpc.connection.send(data(1, framed('abc').subarray(0, 6))),
  'a message that nobody asked for': (grpc: TestGrpc) => grpc.body(1, Buffer.concat([framed('a'), framed('b')])),
  'all messages': (grpc: TestGrpc) => grpc.message(1, 'a', { end: true }),
  'a message that is being inflated': (grpc: TestGrpc) => grpc.message(1, gzipSync('abc'), { compressed: true }),
  'the headers of an answer': (grpc: TestGrpc, method: Recorded) => {
    grpc.message(1, 'a', { end: true });
    method.call.sendHeaders();
  },
  'an answer that waits for credit': (grpc: TestGrpc, method: Recorded) => {
    grpc.message(1, 'a', { end: true });
    method.call.send(Buffer.alloc(100_000));
    method.call.end(ok);
    method.told.push('answered');
  },
})) {
  for (const end of ['cancel', 'a lost connection'] as const) {
    test(`${end} after ${what}: the call is told once, and nothing is held`, async () => {
      const { grpc, method } = open();
      method.reads = false;
      grpc.begin(1, '/m', gzip);
      send(grpc, method);
      const answered = method.told.includes('answered');
      if (end === 'cancel') grpc.cancel(1);
      else grpc.connection.connection.closed();
      assert.equal(method.told.filter((one) => one === 'cancelled').length, answered ? 0 : 1);
      assert.ok(method.call.ended);
      const told = method.told.length;
      method.call.read();
      method.call.send(Buffer.from('late'));
      method.call.sendHeaders();
      method.call.end(ok);
      method.call.abort(ok);
      grpc.connection.send(data(1, framed('late')));
      await setImmediate();
      await setImmediate();
      assert.equal(method.told.length, told);
      assert.equal(grpc.budget.held, 0);
      assert.ok(!grpc.answer(1).ended);
    });
  }
}

test('a request that ends within a message is INVALID_ARGUMENT', () => {
  for (let cut = 1; cut < 8; cut++) {
    const { grpc, method } = open();
    grpc.begin(1, '/m');
    grpc.message(1, 'first');
    grpc.body(1, framed('abc').subarray(0, cut), true);
    const { trailers, ended } = grpc.answer(1);
    assert.deepEqual([trailers['grpc-status'], ended], ['3', true]);
    assert.deepEqual(method.told, ['message first', 'cancelled']);
    assert.equal(grpc.budget.held, 0);
  }
});

test('a part of a message that waits is found when it is asked for', () => {
  const { grpc, method } = open();
  method.reads = false;
  grpc.begin(1, '/m');
  grpc.body(1, Buffer.concat([framed('first'), framed('abc').subarray(0, 6)]), true);
  assert.deepEqual(method.told, ['message first']);
  method.call.read();
  assert.deepEqual(method.told, ['message first', 'cancelled']);
  assert.equal(grpc.answer(1).trailers['grpc-status'], '3');
});

test('a message over the limit is refused when its prefix has come', () => {
  const { grpc, method } = open({ maxMessageLength: 100 });
  grpc.begin(1, '/m');
  grpc.connection.send(data(1, framed(Buffer.alloc(101)).subarray(0, 5)));
  const answer = grpc.answer(1);
  assert.deepEqual([answer.trailers['grpc-status'], answer.ended, answer.reset], ['8', true, undefined]);
  assert.deepEqual(method.told, ['cancelled']);
});

test('compressed messages are inflated, beside others, in their order', async () => {
  const { grpc, method } = open();
  grpc.begin(1, '/m', gzip);
  const long = Buffer.alloc(200_000, 'long');
  grpc.body(
    1,
    Buffer.concat([framed(gzipSync('first'), true), framed('plain'), framed(gzipSync(long), true), framed(gzipSync(''), true)]),
    true,
  );
  await until(() => method.told.includes('end'));
  assert.deepEqual(method.told, ['message first', 'message plain', 'message 200000', 'message ', 'end']);
  assert.equal(grpc.budget.held, 0);
});

const broken: Record<string, { fields: readonly [string, string][]; message: Buffer; code: string }> = {
  'a compressed message without an encoding': { fields: [], message: gzipSync('x'), code: '13' },
  'a compressed message and the encoding identity': { fields: [['grpc-encoding', 'identity']], message: gzipSync('x'), code: '13' },
  'what is no gzip': { fields: gzip, message: Buffer.from('no gzip'), code: '13' },
  'half of what is gzip': { fields: gzip, message: gzipSync('x'.repeat(100)).subarray(0, 20), code: '13' },
  'a bomb of 1000 to 1': { fields: gzip, message: gzipSync(Buffer.alloc(50_000_000)), code: '8' },
};

for (const [what, { fields, message, code }] of Object.entries(broken)) {
  test(`${what} ends the call with ${code}, and holds nothing`, async () => {
    const { grpc, method } = open();
    grpc.begin(1, '/m', fields);
    grpc.message(1, message, { compressed: true });
    await until(() => method.call.ended);
    assert.equal(grpc.answer(1).trailers['grpc-status'], code);
    assert.deepEqual(method.told, ['cancelled']);
    assert.equal(grpc.budget.held, 0);
    assert.ok(grpc.budget.most < 1.2 * (1 << 20), `${grpc.budget.most} bytes were held`);
  });
}

test('what is inflated is counted while it comes out: many bombs hold no more than the budget', async () => {
  const budget = new TestBudget(3_000_000);
  const { grpc, method } = open({ budget, maxMessageLength: 50_000_000 });
  const bomb = gzipSync(Buffer.alloc(20_000_000));
  for (let id = 1; id < 20; id += 2) {
    grpc.begin(id, '/m', gzip);
    grpc.message(id, bomb, { compressed: true, end: true });
  }
  await until(() => method.calls.every((call) => call.ended));
  for (let id = 1; id < 20; id += 2) assert.match(grpc.answer(id).trailers['grpc-message'] ?? '', /budget/);
  assert.ok(budget.most <= budget.limit);
  assert.equal(budget.held, 0);
});

test('a compressed message that is longer than what it holds leaves nothing counted', async () => {
  const { grpc, method } = open();
  grpc.begin(1, '/m', gzip);
  for (let count = 1; count <= 20; count++) {
    // In two pieces, so that it is counted as it comes.
    const message = framed(gzipSync('x'), true);
    grpc.connection.send(data(1, message.subarray(0, 10)));
    grpc.connection.send(data(1, message.subarray(10)));
    await until(() => method.told.length === count);
    assert.equal(grpc.budget.held, 0);
  }
});

test('the budget refuses a message while it comes', () => {
  const { grpc, method } = open({ budget: new TestBudget(50_000) });
  grpc.begin(1, '/m');
  grpc.body(1, framed(Buffer.alloc(100_000)));
  assert.equal(grpc.answer(1).trailers['grpc-message'], 'the budget is spent');
  assert.deepEqual(method.told, ['cancelled']);
  assert.equal(grpc.budget.held, 0);
});

test('what a handler throws ends its call with the status of it', () => {
  const { grpc, method } = open();
  method.onMessage = () => {
    throw new Error('wrong');
  };
  grpc.begin(1, '/m');
  grpc.message(1, 'a');
  assert.equal(grpc.answer(1).trailers['grpc-message'], 'wrong');
  assert.deepEqual(method.told, ['message a', 'cancelled']);
});

test('headers that cannot be sent are an error of whoever sends them, who may send others', () => {
  const { grpc, method } = open();
  grpc.begin(1, '/m', [], true);
  assert.throws(() => method.call.sendHeaders(['x', '\u{1f600}']), TypeError);
  method.call.end(ok);
  const { headers, trailers } = grpc.answer(1);
  assert.deepEqual([headers[':status'], trailers['grpc-status']], ['200', '0']);
});

test('trailers that cannot be sent are an error of whoever ends the call, who may end it otherwise', () => {
  const { grpc, method } = open();
  grpc.begin(1, '/m', [], true);
  const bad = { code: 0, trailers: ['x', '\u{1f600}'] };
  assert.throws(() => method.call.end(bad), TypeError);
  method.call.send(Buffer.alloc(100_000));
  assert.throws(() => method.call.end(bad), TypeError);
  method.call.end(ok);
  grpc.connection.send(windowUpdate(0, 100_000), windowUpdate(1, 100_000));
  assert.equal(grpc.answer(1).trailers['grpc-status'], '0');
});

test('a call whose request does not come is ended, by its deadline or by the time for bodies', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const tick = (milliseconds: number): void => {
    now += milliseconds;
    t.mock.timers.tick(milliseconds);
  };
  const method = new Recorded(false);
  const { grpc } = open({ method, bodyTimeoutMs: 5_000 });
  grpc.begin(1, '/m', [['grpc-timeout', '1S']]);
  grpc.begin(3, '/m');
  grpc.begin(5, '/m', [['grpc-timeout', '1S']]);
  grpc.message(5, 'whole', { end: true });
  grpc.connection.send(data(3, framed('abc').subarray(0, 6)));
  tick(900);
  assert.ok(!grpc.answer(1).ended);
  tick(100);
  assert.deepEqual([grpc.answer(1).trailers['grpc-status'], grpc.answer(3).ended], ['4', false]);
  tick(3_900);
  assert.ok(!grpc.answer(3).ended);
  tick(100);
  assert.match(grpc.answer(3).trailers['grpc-message'] ?? '', /did not arrive within 5000 ms/);
  tick(10_000);
  assert.ok(!grpc.answer(5).ended, 'the method itself keeps to the deadline of a request that has come');
  assert.deepEqual(method.told, ['message whole', 'end', 'cancelled', 'cancelled']);
  assert.equal(grpc.budget.held, 0);
});

test('the request of a stream may take any time after its first message', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const { grpc } = open({ bodyTimeoutMs: 5_000 });
  grpc.begin(1, '/m');
  grpc.begin(3, '/m');
  grpc.message(1, 'first');
  now += 5_000;
  t.mock.timers.tick(5_000);
  assert.ok(!grpc.answer(1).ended);
  assert.equal(grpc.answer(3).trailers['grpc-status'], '4');
});

const endings = fc.constantFrom('nothing', 'cancel', 'end', 'abort', 'half-close', 'close', 'wrong flag');

test('whatever happens, the budget gets back exactly what it gave', () => {
  const piece = fc.record({ id: fc.constantFrom(1, 3, 5), length: fc.nat({ max: 30_000 }), reads: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat({ max: 9_000 }), { minLength: 1, maxLength: 6 }),
      endings,
      fc.nat({ max: 60_000 }),
      (pieces, lengths, ending, limit) => {
        const { grpc, method } = open({ budget: new TestBudget(limit), maxMessageLength: 8_000 });
        const body = Buffer.concat(lengths.map((length) => framed(Buffer.alloc(length))));
        const at = new Map([1, 3, 5].map((id) => [id, 0]));
        for (const id of at.keys()) grpc.begin(id, '/m');
        for (const { id, length, reads } of pieces) {
          method.reads = reads;
          const from = at.get(id) ?? 0;
          at.set(id, from + length);
          if (from < body.length) grpc.body(id, body.subarray(from, from + length));
          if (reads) for (const call of method.calls) call.read();
        }
        if (ending === 'cancel') for (const id of at.keys()) grpc.cancel(id);
        if (ending === 'end') for (const call of method.calls) call.end(ok);
        if (ending === 'abort') for (const call of method.calls) call.abort(ok);
        if (ending === 'half-close') for (const id of at.keys()) grpc.body(id, Buffer.alloc(0), true);
        if (ending === 'wrong flag') for (const id of at.keys()) grpc.body(id, Buffer.alloc(20_000, 9));
        for (const call of method.calls) assert.ok(call.ended || ending !== 'abort');
        grpc.connection.connection.closed();
        assert.ok(method.calls.every((call) => call.ended));
        assert.equal(grpc.budget.held, 0);
      },
    ),
    { numRuns: 300 },
  );
});
