import assert from 'node:assert/strict';
import test from 'node:test';
import { Stream, type StreamListener } from '../../../src/http2/stream.js';

const nothing = new Uint8Array(0);
const status = [':status', '200'];

/** A stream, what it does to its connection and what its listener is told, in one list. */
function open({ receive = 100, end = false }: { receive?: number; end?: boolean } = {}): {
  stream: Stream;
  log: string[];
  clock: { now: number };
} {
  const log: string[] = [];
  const clock = { now: 5 };
  const stream = new Stream(
    7,
    {
      sendHeaders: (_stream, headers, endStream) => log.push(`headers ${headers.join(' ')}${endStream ? ' END' : ''}`),
      sendEnd: () => log.push('empty END'),
      pump: () => log.push('pump'),
      sendReset: (_stream, code) => log.push(`reset ${code}`),
      sendCredit: (_stream, increment) => log.push(`credit ${increment}`),
      closed: () => log.push('closed'),
      fault: (error) => log.push(`fault ${String(error)}`),
      now: () => clock.now,
    },
    { send: 100, receive },
  );
  const listener: StreamListener = {
    data: (bytes, start, end) => log.push(`told data ${bytes.toString('latin1', start, end)}`),
    endOfRequest: () => log.push('told end'),
    reset: (code) => log.push(`told reset ${code}`),
  };
  stream.listen(listener);
  if (end) stream.receiveEnd();
  log.length = 0;
  return { stream, log, clock };
}

test('a request that ends before its response', () => {
  const { stream, log } = open();
  stream.receive(Buffer.from('-abc-'), 1, 4);
  assert.equal(stream.state, 'open');
  stream.receiveEnd();
  assert.equal(stream.state, 'half-closed-remote');
  stream.respond(status);
  stream.end(['grpc-status', '0']);
  assert.equal(stream.state, 'closed');
  assert.deepEqual(log, ['told data abc', 'told end', 'headers :status 200', 'headers grpc-status 0 END', 'closed']);
});

test('after a response that ends before its request, the rest of it is thrown away, and nothing is told', () => {
  const { stream, log, clock } = open({ receive: 10 });
  stream.respond(status);
  clock.now = 70;
  stream.end();
  assert.deepEqual([stream.state, stream.receives, stream.sends, stream.movedAt], ['half-closed-local', true, false, 70]);
  assert.ok(stream.receiveWindow.receive(6));
  stream.receive(Buffer.from('-thrown away'), 1, 7);
  stream.receiveEnd();
  assert.equal(stream.state, 'closed');
  assert.deepEqual(log, ['headers :status 200', 'empty END', 'credit 6', 'closed']);
});

test('trailers wait for the bytes before them', () => {
  const { stream, log } = open({ end: true });
  stream.respond(status);
  stream.send(nothing, Buffer.from('a'));
  stream.send(nothing, Buffer.from('b'));
  stream.end(['x', 'y']);
  assert.ok(stream.ended);
  stream.shift();
  assert.equal(stream.state, 'half-closed-remote');
  stream.shift();
  assert.deepEqual(log, ['headers :status 200', 'pump', 'pump', 'headers x y END', 'closed']);
});

const ends: Record<string, (stream: Stream) => void> = {
  'our end': (stream) => stream.end(['x', 'y']),
  'our reset': (stream) => stream.reset('CANCEL'),
  'a reset of the client': (stream) => stream.abort('CANCEL'),
  'a stall': (stream) => stream.breakOff('CANCEL'),
};

for (const [what, finish] of Object.entries(ends)) {
  test(`after ${what} nothing can be sent, and nothing is told`, () => {
    const { stream, log } = open({ end: true });
    stream.respond(status);
    finish(stream);
    log.length = 0;
    assert.throws(() => stream.respond(status), /closed/);
    assert.throws(() => stream.send(nothing, nothing), /closed/);
    assert.throws(() => stream.end(), /closed/);
    assert.throws(() => stream.receiveEnd(), /closed/);
    stream.reset('CANCEL');
    stream.breakOff('CANCEL');
    stream.abort('CONNECTION_LOST');
    stream.receive(Buffer.from('x'), 0, 1);
    stream.giveBack(100);
    stream.expect(1_000);
    stream.listen({ data: () => log.push('told'), endOfRequest: () => log.push('told'), reset: () => log.push('told') });
    stream.receive(Buffer.from('x'), 0, 1);
    assert.deepEqual(log, []);
    assert.equal(stream.next, undefined);
  });
}

test('a reset by the client is told, one of ours is not, and a stall is both', () => {
  const logs = ['abort', 'reset', 'breakOff'] as const;
  const found = logs.map((how) => {
    const { stream, log } = open();
    stream[how]('CANCEL');
    return log;
  });
  assert.deepEqual(found, [
    ['closed', 'told reset CANCEL'],
    ['reset CANCEL', 'closed'],
    ['reset CANCEL', 'closed', 'told reset CANCEL'],
  ]);
});

test('a request ends once', () => {
  const { stream } = open({ end: true });
  assert.throws(() => stream.receiveEnd(), /half-closed-remote/);
});

test('nothing is sent behind the end, though it waits', () => {
  const { stream } = open();
  stream.respond(status);
  stream.send(nothing, Buffer.from('a'));
  stream.end();
  assert.throws(() => stream.send(nothing, nothing));
  assert.throws(() => stream.respond(status));
  assert.throws(() => stream.end());
});

test('headers are sent once, and before everything else', () => {
  const { stream, log } = open();
  assert.throws(() => stream.send(nothing, nothing), /headers/);
  assert.throws(() => stream.end(), /headers/);
  stream.respond(status);
  assert.throws(() => stream.respond(status), /headers/);
  assert.deepEqual(log, ['headers :status 200']);
});

test('a response may be trailers alone', () => {
  const { stream, log } = open({ end: true });
  stream.end([...status, 'grpc-status', '5']);
  assert.deepEqual(log, ['headers :status 200 grpc-status 5 END', 'closed']);
});

test('trailers that cannot be sent are refused at once, and others can be sent then', () => {
  const { stream, log } = open({ end: true });
  stream.respond(status);
  stream.send(nothing, Buffer.from('a'));
  assert.throws(() => stream.end(['x', '\u{1f600}']), TypeError);
  stream.end(['x', 'y']);
  stream.shift();
  assert.equal(log.at(-2), 'headers x y END');
});

test('credit is given while the request comes, and not after', () => {
  const { stream, log } = open({ receive: 10 });
  assert.ok(stream.receiveWindow.receive(10));
  stream.giveBack(4);
  stream.giveBack(1);
  stream.expect(20);
  stream.receiveEnd();
  stream.giveBack(5);
  stream.expect(1_000);
  assert.deepEqual(log, ['credit 5', 'credit 15', 'told end']);
});

test('a listener that throws when it is told of a reset stops nobody', () => {
  const { stream, log } = open();
  stream.listen({
    data: () => undefined,
    endOfRequest: () => undefined,
    reset: () => {
      throw new Error('wrong');
    },
  });
  stream.abort('CANCEL');
  assert.deepEqual(log, ['closed', 'fault Error: wrong']);
});

test('the time in which nothing moves begins when something has to wait', () => {
  const { stream, clock } = open();
  stream.respond(status);
  clock.now = 700;
  stream.send(nothing, Buffer.from('a'));
  clock.now = 800;
  stream.send(nothing, Buffer.from('b'));
  assert.equal(stream.movedAt, 700);
});
