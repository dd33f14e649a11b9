import assert from 'node:assert/strict';
import test from 'node:test';
import { data, describe, flag, frame, ping, preface, readFrames, request, reset, settings, types } from '../../support/http2/frames.js';
import { TestConnection } from '../../support/http2/test-connection.js';

const nothing = new Uint8Array(0);
const status = [':status', '200'];

function pongOf(connection: TestConnection): Buffer {
  const pinged = connection.frames().find(({ type }) => type === types.ping);
  assert.ok(pinged !== undefined);
  return ping(pinged.payload, flag.ack);
}

test('a drain says GOAWAY twice, serves the streams that were on their way, and ends with the last of them', () => {
  const connection = new TestConnection().begin();
  connection.send(request(1));
  connection.connection.drain();
  connection.connection.drain();
  const frames = connection.frames();
  assert.deepEqual(frames.map(describe), ['GOAWAY 2147483647 none', 'PING']);
  // It was on its way when the client was asked to open no more.
  connection.send(request(3));
  assert.deepEqual(connection.told, ['stream 1', 'stream 3']);
  const pong = ping(frames[1]?.payload, flag.ack);
  connection.send(pong);
  assert.deepEqual(connection.sent(), ['GOAWAY 3 none']);
  connection.send(pong, pong);
  assert.deepEqual(connection.sent(), [], 'another pong says nothing new');
  connection.send(request(5, { end: true }), data(7, 'x'), data(3, 'served'));
  assert.deepEqual(connection.told, ['stream 1', 'stream 3', 'data 3 served']);
  connection.send(reset(1));
  assert.ok(!connection.socket.writableEnded);
  connection.stream(3).end([...status, 'x', 'y']);
  connection.send(data(3, 'the rest', flag.endStream));
  assert.ok(connection.socket.writableEnded);
  assert.deepEqual(connection.sent(), ['HEADERS 3 END_STREAM']);
  connection.connection.closed();
});

test('a drain of a connection without streams ends it when the client has answered', () => {
  const connection = new TestConnection().begin();
  connection.connection.drain();
  const pong = pongOf(connection);
  connection.send(ping(Buffer.from('another1'), flag.ack));
  assert.ok(!connection.socket.writableEnded);
  connection.send(pong);
  assert.deepEqual(connection.sent(), ['GOAWAY 0 none']);
  assert.ok(connection.socket.writableEnded);
  connection.connection.closed();
});

test('a drain ends a connection that has not begun', () => {
  const connection = new TestConnection();
  connection.connection.drain();
  assert.ok(connection.socket.destroyed);
});

test('a drain waits for bodies that wait for credit', () => {
  const connection = new TestConnection().begin([[4, 5]]);
  connection.send(request(1, { end: true }));
  const stream = connection.stream(1);
  stream.respond(status);
  stream.send(nothing, Buffer.from('0123456789'));
  stream.end(['x', 'y']);
  connection.connection.drain();
  connection.send(pongOf(connection));
  assert.ok(!connection.socket.writableEnded);
  connection.send(settings([[4, 10]]));
  assert.deepEqual(connection.sent(), ['GOAWAY 1 none', 'SETTINGS ACK', 'DATA 1 5', 'HEADERS 1 END_STREAM']);
  assert.ok(connection.socket.writableEnded);
  connection.connection.closed();
});

test('when the socket closes, every listener is told once, and nothing is written', () => {
  const connection = new TestConnection().begin();
  connection.send(request(1), request(3));
  connection.stream(3).respond(status);
  connection.connection.closed();
  connection.connection.closed();
  assert.deepEqual(connection.told, ['stream 1', 'stream 3', 'reset 1 CONNECTION_LOST', 'reset 3 CONNECTION_LOST']);
  assert.equal(connection.openStreams, 0);
  connection.connection.ping();
  connection.connection.drain();
  connection.send(request(5));
  assert.deepEqual(connection.sent(), []);
});

for (const how of ['closed', 'destroy'] as const) {
  test(`a stream that answers because another one was lost writes nothing (${how})`, () => {
    const connection = new TestConnection({
      onStream: (stream) => ({ reset: () => (stream.id === 1 ? connection.stream(3).end([...status, 'x', 'y']) : undefined) }),
    }).begin();
    connection.send(request(1), request(3));
    connection.connection[how]();
    assert.deepEqual(connection.sent(), []);
    assert.deepEqual(connection.internalErrors, []);
  });
}

test('a stream that answers because of the GOAWAY of another writes nothing behind it', () => {
  const connection = new TestConnection({
    onStream: (stream) => ({ reset: () => (stream.id === 1 ? connection.stream(3).end([...status, 'x', 'y']) : undefined) }),
  }).begin();
  let failed: unknown;
  connection.socket.on('error', (error) => {
    failed = error;
  });
  connection.send(request(1), request(3), data(0, 'x'));
  assert.deepEqual(connection.sent(), ['GOAWAY 3 protocol']);
  connection.turn();
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    assert.equal(failed, undefined);
    connection.connection.closed();
  });
});

test('a socket whose peer does not read the GOAWAY is destroyed after a second', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const connection = new TestConnection().begin();
  connection.socket.hold();
  connection.send(data(0, 'x'));
  t.mock.timers.tick(999);
  assert.ok(!connection.socket.destroyed);
  t.mock.timers.tick(1);
  assert.ok(connection.socket.destroyed);
});

test('a connection knows since when its client owes the rest of a preface, a frame or a header block', () => {
  const connection = new TestConnection();
  const owes = (...bytes: Uint8Array[]): number | undefined => {
    connection.now += 10;
    connection.send(...bytes);
    return connection.connection.owesSince;
  };
  const begin = connection.now;
  assert.equal(connection.connection.owesSince, begin);
  assert.equal(owes(preface.subarray(0, 5)), begin);
  assert.equal(owes(preface.subarray(5)), undefined);
  const bytes = Buffer.concat([settings(), settings()]);
  assert.equal(owes(bytes.subarray(0, 3)), begin + 30);
  assert.equal(owes(bytes.subarray(3, 5)), begin + 30, 'bytes that drip');
  assert.equal(owes(bytes.subarray(5, 12)), begin + 50, 'the next frame');
  assert.equal(owes(bytes.subarray(12)), undefined);
  const whole = request(1);
  const [first, last] = [
    frame(types.headers, 0, 1, whole.subarray(9, 20)),
    frame(types.continuation, flag.endHeaders, 1, whole.subarray(20)),
  ];
  assert.equal(owes(first), begin + 70);
  assert.equal(owes(last.subarray(0, 4)), begin + 70, 'the block is older than the frame');
  assert.equal(owes(last.subarray(4)), undefined);
  assert.deepEqual(connection.told, ['stream 1']);
});

test('a stream that was answered is reset when its client has not ended its request in five seconds, and nobody is told', () => {
  const connection = new TestConnection().begin();
  connection.send(request(1), request(3));
  connection.now += 100_000;
  for (const id of [1, 3]) connection.stream(id).end([...status, 'x', 'y']);
  connection.send(data(1, Buffer.alloc(200_000, 'x').subarray(0, 16_000)), data(1, 'thrown away'));
  connection.frames();
  connection.now += 4_999;
  connection.connection.sweep(1_000);
  assert.deepEqual(connection.sent(), []);
  connection.send(data(3, '', flag.endStream));
  connection.now += 1;
  connection.connection.sweep(1_000);
  assert.deepEqual(connection.sent(), ['RST_STREAM 1 none']);
  assert.deepEqual(connection.told, ['stream 1', 'stream 3']);
  assert.equal(connection.openStreams, 0);
  connection.send(data(1, 'late'));
  assert.deepEqual(connection.sent(), []);
});

test('the rest of a request that was answered gets its credit back', () => {
  const connection = new TestConnection({ limits: { streamWindow: 65_535 } }).begin();
  connection.send(request(1));
  connection.stream(1).end([...status, 'x', 'y']);
  for (let count = 0; count < 50; count++) connection.send(data(1, Buffer.alloc(16_000)));
  assert.ok(connection.sent().every((one) => one.startsWith('WINDOW_UPDATE') || one === 'HEADERS 1 END_STREAM'));
});

const mistakes = {
  data: (connection: TestConnection) => connection.send(data(1, 'x')),
  endOfRequest: (connection: TestConnection) => connection.send(data(1, '', flag.endStream)),
};

for (const [what, act] of Object.entries(mistakes)) {
  test(`a listener that throws when it is told ${what} loses its stream, and no other`, () => {
    const wrong = new Error('wrong');
    const connection = new TestConnection({
      onStream: (stream) => ({
        [what]: () => {
          if (stream.id === 1) throw wrong;
        },
      }),
    }).begin();
    connection.send(request(1), request(3));
    act(connection);
    assert.deepEqual(connection.sent(), ['RST_STREAM 1 internal']);
    assert.deepEqual(connection.internalErrors, [wrong]);
    connection.send(data(3, 'abc', flag.endStream));
    assert.deepEqual(connection.told.slice(-3), ['reset 1 INTERNAL_ERROR', 'data 3 abc', 'end 3']);
  });
}

test('who throws when a stream begins loses it, and no other', () => {
  const wrong = new Error('wrong');
  const connection = new TestConnection({
    onStream: ({ id }) => {
      if (id === 1) throw wrong;
      return undefined;
    },
  }).begin();
  connection.send(request(1), request(3, { end: true }));
  assert.deepEqual(connection.sent(), ['RST_STREAM 1 internal']);
  assert.deepEqual(connection.internalErrors, [wrong]);
  assert.deepEqual(connection.told, ['stream 1', 'stream 3', 'end 3']);
});

test('listeners that throw when a connection is lost are reported, and all are told', () => {
  for (const lose of [(one: TestConnection) => one.connection.closed(), (one: TestConnection) => one.send(data(0, 'x'))]) {
    const connection = new TestConnection({
      onStream: () => ({
        reset: () => {
          throw new Error('wrong');
        },
      }),
    }).begin();
    connection.send(request(1), request(3));
    lose(connection);
    assert.deepEqual(connection.told.slice(2), ['reset 1 CONNECTION_LOST', 'reset 3 CONNECTION_LOST']);
    assert.equal(connection.internalErrors.length, 2);
    connection.connection.closed();
  }
});

test('a callback that throws when its bytes were taken ends the connection, and flush does not throw', () => {
  const wrong = new Error('wrong');
  const connection = new TestConnection().begin();
  connection.send(request(1));
  connection.stream(1).respond(status);
  connection.stream(1).send(nothing, Buffer.from('x'), () => {
    throw wrong;
  });
  connection.turn();
  assert.deepEqual(connection.internalErrors, [wrong]);
  assert.deepEqual(readFrames(connection.socket.taken()).map(describe).at(-1), 'GOAWAY 1 internal');
  connection.connection.closed();
});

test('a question whether the client is there is a PING, while the connection is open', () => {
  const connection = new TestConnection();
  connection.connection.ping();
  assert.deepEqual(connection.sent(), []);
  connection.send(preface, settings());
  connection.frames();
  connection.connection.ping();
  assert.deepEqual(connection.sent(), ['PING']);
  connection.send(data(0, 'x'));
  connection.frames();
  connection.connection.ping();
  assert.deepEqual(connection.sent(), []);
  connection.connection.closed();
});
