import assert from 'node:assert/strict';
import test from 'node:test';
import {
  data,
  type Frame,
  flag,
  frame,
  headers,
  number,
  padded,
  ping,
  preface,
  readFrames,
  request,
  requestFields,
  reset,
  settings,
  settingsAck,
  types,
  windowUpdate,
} from '../../support/http2/frames.js';
import { TestConnection } from '../../support/http2/test-connection.js';

const nothing = new Uint8Array(0);
const status = [':status', '200'];

function readSettings({ payload }: Frame): Record<number, number> {
  const found: Record<number, number> = {};
  for (let at = 0; at < payload.length; at += 6) found[payload.readUInt16BE(at)] = payload.readUInt32BE(at + 2);
  return found;
}

test('the server sends its settings first, and acknowledges those of the client', () => {
  const connection = new TestConnection({ limits: { maxConcurrentStreams: 7, streamWindow: 70_000, connectionWindow: 80_000 } });
  assert.deepEqual(connection.frames(), []);
  connection.send(preface);
  const [first, second] = connection.frames();
  assert.ok(first?.type === types.settings);
  assert.deepEqual(readSettings(first), { 3: 7, 4: 70_000, 6: 64 * 1024 });
  assert.deepEqual(second?.payload, number(80_000 - 65_535));
  connection.send(settings());
  assert.deepEqual(connection.sent(), ['SETTINGS ACK']);
  connection.send(settingsAck);
  assert.deepEqual(connection.sent(), []);
});

test('windows smaller than what a client may send before it knows them are refused', () => {
  for (const limits of [{ streamWindow: 65_534 }, { connectionWindow: 65_534 }])
    assert.throws(() => new TestConnection({ limits }), RangeError);
});

test('what is no HTTP/2 gets no answer', () => {
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\u0016\u0003\u0001', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r']) {
    const connection = new TestConnection();
    connection.send(Buffer.from(bytes, 'latin1'));
    assert.ok(connection.socket.destroyed);
    assert.deepEqual(connection.frames(), []);
  }
});

test('a PING is answered with its bytes', () => {
  const connection = new TestConnection().begin();
  connection.send(ping(Buffer.from('12345678')));
  assert.deepEqual(connection.sent(), ['PING ACK 12345678']);
  connection.send(ping(Buffer.from('87654321'), flag.ack));
  assert.deepEqual(connection.sent(), []);
});

test('frames of unknown types are ignored, in a stream and outside of one', () => {
  const connection = new TestConnection().begin();
  connection.send(
    frame(0xab, 0xff, 0, Buffer.from('x')),
    request(1),
    frame(0xac, 0xff, 1, Buffer.from('x')),
    data(1, 'abc', flag.endStream),
  );
  assert.deepEqual(connection.sent(), []);
  assert.deepEqual(connection.told, ['stream 1', 'data 1 abc', 'end 1']);
});

test('PRIORITY is ignored, also of a stream that is idle or closed', () => {
  const connection = new TestConnection().begin();
  const priority = (id: number): Buffer => frame(types.priority, 0, id, Buffer.concat([number(0), Buffer.from([1])]));
  connection.send(priority(1), priority(101), request(1), reset(1), priority(1));
  assert.deepEqual(connection.sent(), []);
});

test('padding is no part of the body, and its credit comes back', () => {
  const connection = new TestConnection({ limits: { streamWindow: 65_535 } }).begin();
  connection.send(request(1), data(1, padded(Buffer.from('abc'), 200), flag.padded), data(1, padded(nothing, 10), flag.padded));
  assert.deepEqual(connection.told, ['stream 1', 'data 1 abc']);
  for (let count = 0; count < 150; count++) connection.send(data(1, padded(nothing, 255), flag.padded));
  assert.equal(connection.sent().filter((one) => one.startsWith('WINDOW_UPDATE 1')).length, 1);
  connection.send(data(1, Buffer.from([4, 0, 0, 0]), flag.padded));
  assert.deepEqual(connection.sent(), ['GOAWAY 1 protocol']);
});

test('the bytes of a request, its trailers and its end are told in their order', () => {
  const connection = new TestConnection().begin();
  connection.send(request(1), data(1, 'a'), data(1, 'b'), headers(1, [['x', 'y']], flag.endHeaders | flag.endStream));
  assert.deepEqual(connection.told, ['stream 1', 'data 1 a', 'data 1 b', 'end 1']);
});

test('what comes late for a stream that we have reset is ignored', () => {
  const connection = new TestConnection({ limits: { streamWindow: 65_535 } }).begin();
  connection.send(request(1));
  connection.stream(1).reset('CANCEL');
  assert.deepEqual(connection.sent(), ['RST_STREAM 1 cancel']);
  connection.send(data(1, 'late'), windowUpdate(1, 5), reset(1), headers(1, [['x', 'y']], flag.endHeaders | flag.endStream));
  assert.deepEqual(connection.sent(), []);
  assert.deepEqual(connection.told, ['stream 1']);
});

test('late DATA counts for the window of the connection all the same', () => {
  const connection = new TestConnection({ limits: { connectionWindow: 65_535 } }).begin();
  connection.send(request(1));
  connection.stream(1).reset('CANCEL');
  connection.frames();
  for (let count = 0; count < 2; count++) connection.send(data(1, Buffer.alloc(16_384)));
  assert.deepEqual(connection.sent(), ['WINDOW_UPDATE 0 32768']);
});

test('frames that may come for a stream that has closed are ignored', () => {
  const connection = new TestConnection({ onStream: (stream) => void stream.end([...status, 'x', 'y']) }).begin();
  connection.send(request(1, { end: true }), windowUpdate(1, 5), reset(1));
  assert.deepEqual(connection.sent(), ['HEADERS 1 END_STREAM']);
});

test('a stream that is over the limit is refused, and the others go on', () => {
  const connection = new TestConnection({ limits: { maxConcurrentStreams: 2 } }).begin();
  connection.send(request(1), request(3), request(5), data(5, 'abc'));
  assert.deepEqual(connection.sent(), ['RST_STREAM 5 refused']);
  connection.send(reset(1), request(7), data(3, 'abc'));
  assert.deepEqual(connection.told, ['stream 1', 'stream 3', 'reset 1 CANCEL', 'stream 7', 'data 3 abc']);
  assert.equal(connection.openStreams, 2);
});

test('headers over the limit: the stream begins without them, and the next one is right', () => {
  const connection = new TestConnection({ limits: { maxHeaderListSize: 500 } }).begin();
  connection.send(request(1, { fields: [...requestFields(), ['x', 'y'.repeat(1_000)]] }), request(3));
  assert.deepEqual(connection.told, ['stream 1 without headers', 'stream 3']);
});

test('the code of a reset is told, and one that is unknown as INTERNAL_ERROR', () => {
  const connection = new TestConnection().begin();
  connection.send(request(1), reset(1, 0), request(3), reset(3, 8), request(5), reset(5, 0xffff));
  assert.deepEqual(connection.told, ['stream 1', 'reset 1 NO_ERROR', 'stream 3', 'reset 3 CANCEL', 'stream 5', 'reset 5 INTERNAL_ERROR']);
});

test('a table of headers that was smaller for a time is told of, though all is as before', () => {
  const indexedNames = new Set(['x']);
  const connection = new TestConnection({ indexedNames, onStream: (stream) => void stream.end([...status, 'x', 'y']) }).begin();
  connection.send(request(1, { end: true }));
  connection.frames();
  connection.send(
    settings([
      [1, 0],
      [1, 4096],
    ]),
    request(3, { end: true }),
  );
  const [, answer] = connection.frames();
  // RFC 7541, section 4.2: first the least size, then the last.
  assert.deepEqual([...(answer?.payload.subarray(0, 4) ?? [])], [0x20, 0x3f, 0xe1, 0x1f]);
});

test('a whole connection is read alike wherever its bytes are cut', () => {
  const bytes = Buffer.concat([
    preface,
    settings([[4, 100]]),
    request(1),
    data(1, 'some'),
    data(1, padded(Buffer.from('bytes'), 3), flag.padded),
    ping(),
    request(3, { end: true }),
    reset(1),
    windowUpdate(0, 10),
  ]);
  const run = (chunks: Buffer[]): unknown => {
    const connection = new TestConnection({ onStream: (stream) => ({ endOfRequest: () => stream.end([...status, 'x', 'y']) }) });
    for (const chunk of chunks) connection.connection.read(chunk);
    return [connection.told, connection.sent()];
  };
  const whole = run([bytes]);
  assert.deepEqual(whole, [
    ['stream 1', 'data 1 some', 'data 1 bytes', 'stream 3', 'end 3', 'reset 1 CANCEL'],
    ['SETTINGS', 'WINDOW_UPDATE 0 4128769', 'SETTINGS ACK', 'PING ACK \0\0\0\0\0\0\0\0', 'HEADERS 3 END_STREAM'],
  ]);
  for (let cut = 1; cut < bytes.length; cut++) assert.deepEqual(run([bytes.subarray(0, cut), bytes.subarray(cut)]), whole);
});

test('responses of many streams are written together', () => {
  const connection = new TestConnection({
    onStream: (stream) => {
      stream.respond(status);
      stream.send(Buffer.from('head'), Buffer.from('body'));
      stream.end(['x', 'y']);
      return undefined;
    },
  }).begin();
  const before = connection.socket.writes;
  connection.send(...Array.from({ length: 100 }, (_, index) => request(2 * index + 1, { end: true })));
  assert.equal(connection.socket.writes, before + 1);
  assert.equal(readFrames(connection.socket.taken()).length, 300);
});
