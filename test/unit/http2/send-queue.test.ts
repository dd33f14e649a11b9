import assert from 'node:assert/strict';
import test from 'node:test';
import { data, flag, request, reset, settings, types, windowUpdate } from '../../support/http2/frames.js';
import { TestConnection } from '../../support/http2/test-connection.js';

const nothing = new Uint8Array(0);
const status = [':status', '200'];

/** A connection on which so many streams wait for their responses. */
function open(count: number, entries: readonly (readonly [identifier: number, value: number])[] = []): TestConnection {
  const connection = new TestConnection().begin(entries);
  for (let id = 1; id < 2 * count; id += 2) connection.send(request(id, { end: true }));
  for (const stream of connection.streams.values()) stream.respond(status);
  connection.frames();
  return connection;
}

/** The bytes of the body of a stream among frames. */
function bodyOf(connection: TestConnection, id: number): string {
  const parts = connection.frames().filter((frame) => frame.type === types.data && frame.id === id);
  return Buffer.concat(parts.map(({ payload }) => payload)).toString('latin1');
}

test('streams that waited for the window of the connection send in turn, a frame each', () => {
  const connection = open(3, [[4, 1_000_000]]);
  const [first] = connection.streams.values();
  first?.send(nothing, Buffer.alloc(65_535));
  connection.frames();
  for (const stream of connection.streams.values()) stream.send(nothing, Buffer.alloc(20_000));
  assert.deepEqual(connection.sent(), []);
  connection.send(windowUpdate(0, 60_000));
  assert.deepEqual(connection.sent(), ['DATA 1 16384', 'DATA 3 16384', 'DATA 5 16384', 'DATA 1 3616', 'DATA 3 3616', 'DATA 5 3616']);
});

test('a stream whose window is empty holds up no other', () => {
  const connection = open(3, [[4, 10]]);
  connection.stream(1).send(nothing, Buffer.alloc(20));
  connection.stream(3).send(nothing, Buffer.alloc(10));
  connection.send(windowUpdate(5, 100));
  connection.stream(5).send(nothing, Buffer.alloc(50));
  assert.deepEqual(connection.sent(), ['DATA 1 10', 'DATA 3 10', 'DATA 5 50']);
  connection.send(windowUpdate(1, 9));
  assert.deepEqual(connection.sent(), ['DATA 1 9']);
});

test('a body comes whole through windows of one byte, its head before it', () => {
  const connection = open(1, [[4, 0]]);
  let taken = 0;
  connection.stream(1).send(Buffer.from('head '), Buffer.from('body'), () => taken++);
  let body = '';
  for (let count = 0; count < 9; count++) {
    assert.equal(taken, 0);
    connection.send(windowUpdate(1, 1));
    const part = bodyOf(connection, 1);
    assert.equal(part.length, 1);
    body += part;
  }
  assert.equal(body, 'head body');
  assert.equal(taken, 1);
});

test('bodies that wait one behind the other are sent in their order when there is room', () => {
  const connection = open(2, [[4, 0]]);
  const taken: string[] = [];
  for (const [id, stream] of connection.streams)
    for (const text of ['first', 'second', 'third']) stream.send(nothing, Buffer.from(text), () => taken.push(`${id} ${text}`));
  for (const stream of connection.streams.values()) stream.end(['x', 'y']);
  connection.send(windowUpdate(1, 100));
  assert.deepEqual(connection.sent(), ['DATA 1 5', 'DATA 1 6', 'DATA 1 5', 'HEADERS 1 END_STREAM']);
  assert.deepEqual(taken, ['1 first', '1 second', '1 third']);
  connection.send(settings([[4, 100]]));
  assert.deepEqual(connection.sent(), ['SETTINGS ACK', 'DATA 3 5', 'DATA 3 6', 'DATA 3 5', 'HEADERS 3 END_STREAM']);
});

test('settings make a window negative, and it has to be filled first', () => {
  const connection = open(1, [[4, 100]]);
  connection.stream(1).send(nothing, Buffer.alloc(150));
  connection.frames();
  connection.send(settings([[4, 20]]));
  assert.deepEqual(connection.sent(), ['SETTINGS ACK']);
  connection.send(windowUpdate(1, 80));
  assert.deepEqual(connection.sent(), []);
  connection.send(windowUpdate(1, 1));
  assert.deepEqual(connection.sent(), ['DATA 1 1']);
  connection.send(settings([[4, 30]]));
  assert.deepEqual(connection.sent(), ['SETTINGS ACK', 'DATA 1 10']);
});

test('a body without a byte is a frame without a byte, whatever the windows', () => {
  const connection = open(1, [[4, 100]]);
  const stream = connection.stream(1);
  stream.send(nothing, Buffer.alloc(100));
  connection.send(settings([[4, 0]]));
  connection.frames();
  let taken = false;
  stream.send(nothing, nothing, () => {
    taken = true;
  });
  assert.deepEqual(connection.sent(), ['DATA 1 0']);
  assert.ok(taken);
  stream.end();
  assert.deepEqual(connection.sent(), ['DATA 1 0 END_STREAM']);
});

test('DATA waits while much waits for the system, and control frames do not', () => {
  const connection = open(2, [[4, 10_000_000]]);
  connection.send(windowUpdate(0, 10_000_000));
  connection.socket.hold();
  connection.stream(1).send(nothing, Buffer.alloc(3_000_000));
  connection.turn();
  assert.ok(connection.socket.writableLength < 700_000, `${connection.socket.writableLength} bytes wait`);
  connection.send(settings());
  connection.socket.release();
  connection.connection.drained();
  const sent = connection.sent();
  assert.ok(sent.indexOf('SETTINGS ACK') < sent.length / 2);
  assert.equal(sent.filter((frame) => frame.startsWith('DATA 1')).length, Math.ceil(3_000_000 / 16_384));
});

test('frames are at most 64 KiB, though the client takes longer ones', () => {
  const connection = open(1, [
    [4, 10_000_000],
    [5, 10_000_000],
  ]);
  connection.send(windowUpdate(0, 10_000_000));
  connection.stream(1).send(Buffer.alloc(100_000), Buffer.alloc(1_000_000));
  const lengths = connection.frames().map(({ payload }) => payload.length);
  assert.equal(Math.max(...lengths), 65_536);
  assert.equal(
    lengths.reduce((sum, length) => sum + length),
    1_100_000,
  );
});

test('a header block is cut where the client wants it, and at 16 KiB at the latest', () => {
  const connection = new TestConnection().begin([[5, 10_000_000]]);
  connection.send(request(1, { end: true }));
  connection.stream(1).end([...status, 'x', 'y'.repeat(200_000)]);
  const frames = connection.frames();
  assert.deepEqual([frames[0]?.type, frames[0]?.flags, frames[1]?.type], [types.headers, flag.endStream, types.continuation]);
  assert.ok(frames.every(({ payload }) => payload.length <= 16_384));
  assert.deepEqual(
    frames.map(({ flags }) => (flags & flag.endHeaders) !== 0),
    frames.map((_frame, index) => index === frames.length - 1),
  );
});

test('streams that are reset leave the queue, though nothing can be sent', () => {
  const connection = open(1, [[4, 1_000_000]]);
  connection.stream(1).send(nothing, Buffer.alloc(100_000));
  for (let id = 3; id < 600; id += 2) {
    connection.send(request(id, { end: true }));
    connection.stream(id).respond(status);
    connection.stream(id).send(nothing, Buffer.alloc(10));
    connection.send(reset(id));
    assert.equal(connection.stream(id).queued, false);
  }
  connection.frames();
  connection.send(windowUpdate(0, 1_000_000));
  assert.equal(connection.sent().join(), 'DATA 1 16384,DATA 1 16384,DATA 1 1697');
});

test('a stream that gets no credit is reset after its time, counted from when it had to wait, and its listener is told', () => {
  const connection = open(2, [[4, 10]]);
  const [waiting, moving] = [connection.stream(1), connection.stream(3)];
  connection.now += 1_000_000;
  waiting.send(nothing, Buffer.alloc(20));
  moving.send(nothing, Buffer.alloc(20));
  connection.frames();
  connection.connection.sweep(300);
  assert.deepEqual(connection.sent(), []);
  connection.now += 200;
  connection.send(windowUpdate(3, 1));
  connection.now += 200;
  connection.frames();
  connection.told.length = 0;
  connection.connection.sweep(300);
  assert.deepEqual(connection.sent(), ['RST_STREAM 1 cancel']);
  assert.deepEqual(connection.told, ['reset 1 CANCEL']);
  connection.now += 1_000;
  connection.send(windowUpdate(3, 100));
  connection.frames();
  connection.connection.sweep(300);
  assert.deepEqual(connection.sent(), [], 'a stream that has nothing to send');
});

test('a body may be sent from what a callback of the one before it sends', () => {
  const connection = open(1);
  const stream = connection.stream(1);
  let count = 0;
  const more = (): void => {
    count += 1;
    if (count < 50) stream.send(nothing, Buffer.alloc(100), more);
    else stream.end(['x', 'y']);
  };
  more();
  const sent = connection.sent();
  assert.equal(sent.length, 50);
  assert.equal(sent.at(-1), 'HEADERS 1 END_STREAM');
});

test('the memory of a body is not needed any more when it was taken, and not before', () => {
  const connection = open(1, [[4, 1_000_000]]);
  connection.socket.hold();
  let taken = 0;
  connection.stream(1).send(nothing, Buffer.alloc(30_000), () => taken++);
  connection.turn();
  assert.equal(taken, 0);
  connection.socket.release();
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    assert.equal(taken, 1);
    connection.send(data(1, 'late'));
  });
});
