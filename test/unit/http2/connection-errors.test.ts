import assert from 'node:assert/strict';
import test from 'node:test';
import { defaultAbuseLimits } from '../../../src/http2/abuse.js';
import {
  block,
  data,
  flag,
  frame,
  headers,
  number,
  padded,
  ping,
  preface,
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
const maxWindow = 0x7fffffff;
const trailers = (id: number, flags: number): Buffer => headers(id, [['x', 'y']], flags);
const priority = (id: number, on: number): Buffer => frame(types.priority, 0, id, Buffer.concat([number(on), Buffer.from([1])]));
const dependent = (id: number, on: number): Buffer =>
  frame(types.headers, flag.endHeaders | flag.priority, id, Buffer.concat([number(on), Buffer.from([1]), block(requestFields())]));

/** Mistakes after which a connection cannot go on, on a connection with stream 1 open and stream 3 ended by the client. */
const fatal: Record<string, { bytes: Buffer[]; code: string }> = {
  'DATA for stream 0': { bytes: [data(0, 'x')], code: 'protocol' },
  'HEADERS for stream 0': { bytes: [request(0)], code: 'protocol' },
  'PRIORITY for stream 0': { bytes: [priority(0, 1)], code: 'protocol' },
  'RST_STREAM for stream 0': { bytes: [reset(0)], code: 'protocol' },
  'CONTINUATION for stream 0': { bytes: [frame(types.continuation, flag.endHeaders, 0)], code: 'protocol' },
  'SETTINGS in a stream': { bytes: [frame(types.settings, 0, 1)], code: 'protocol' },
  'PING in a stream': { bytes: [frame(types.ping, 0, 1, Buffer.alloc(8))], code: 'protocol' },
  'GOAWAY in a stream': { bytes: [frame(types.goaway, 0, 1, Buffer.alloc(8))], code: 'protocol' },
  PUSH_PROMISE: { bytes: [frame(types.pushPromise, flag.endHeaders, 1, number(2))], code: 'protocol' },
  'DATA of a stream that is idle': { bytes: [data(5, 'x')], code: 'protocol' },
  'RST_STREAM of a stream that is idle': { bytes: [reset(5)], code: 'protocol' },
  'WINDOW_UPDATE of a stream that is idle': { bytes: [windowUpdate(5, 1)], code: 'protocol' },
  'WINDOW_UPDATE of a stream that only we could open': { bytes: [windowUpdate(2, 1)], code: 'protocol' },
  'a stream of an even number': { bytes: [request(6)], code: 'protocol' },
  'a stream with a smaller number than the last': { bytes: [request(7), reset(7), request(5)], code: 'streamClosed' },
  'HEADERS for a stream that has closed': { bytes: [reset(1), request(1)], code: 'streamClosed' },
  'a PRIORITY frame of 4 bytes for a stream that is idle': { bytes: [frame(types.priority, 0, 5, Buffer.alloc(4))], code: 'frameSize' },
  'CONTINUATION without HEADERS': { bytes: [frame(types.continuation, flag.endHeaders, 1)], code: 'protocol' },
  'another frame within a block': { bytes: [frame(types.headers, 0, 5), ping()], code: 'protocol' },
  'CONTINUATION for another stream': {
    bytes: [frame(types.headers, 0, 5), frame(types.continuation, flag.endHeaders, 7)],
    code: 'protocol',
  },
  'a frame of an unknown type within a block': { bytes: [frame(types.headers, 0, 5), frame(99, 0, 5)], code: 'protocol' },
  'a header block that cannot be decoded': { bytes: [frame(types.headers, flag.endHeaders, 5, Buffer.from([0xff]))], code: 'compression' },
  'padding longer than DATA': { bytes: [data(1, Buffer.from([3, 0, 0]), flag.padded)], code: 'protocol' },
  'padding of DATA that is not there': { bytes: [data(1, nothing, flag.padded)], code: 'protocol' },
  'an increment of 0 for the connection': { bytes: [windowUpdate(0, 0)], code: 'protocol' },
  'a window of the connection over 2^31 - 1': { bytes: [windowUpdate(0, maxWindow - 65_534)], code: 'flowControl' },
  'SETTINGS that make a window too large': { bytes: [windowUpdate(1, maxWindow - 65_535), settings([[4, 65_536]])], code: 'flowControl' },
  'SETTINGS with a value that is not allowed': { bytes: [settings([[2, 2]])], code: 'protocol' },
  'SETTINGS of 5 bytes': { bytes: [frame(types.settings, 0, 0, Buffer.alloc(5))], code: 'frameSize' },
  'an acknowledgement of SETTINGS with settings': { bytes: [frame(types.settings, flag.ack, 0, Buffer.alloc(6))], code: 'frameSize' },
  'a PING of 7 bytes': { bytes: [ping(Buffer.alloc(7))], code: 'frameSize' },
  'a RST_STREAM of 3 bytes': { bytes: [frame(types.reset, 0, 1, Buffer.alloc(3))], code: 'frameSize' },
  'a WINDOW_UPDATE of 5 bytes': { bytes: [frame(types.windowUpdate, 0, 1, Buffer.alloc(5))], code: 'frameSize' },
  'a GOAWAY of 7 bytes': { bytes: [frame(types.goaway, 0, 0, Buffer.alloc(7))], code: 'frameSize' },
  'a frame over 16 KiB': { bytes: [data(1, Buffer.alloc(16_385))], code: 'frameSize' },
};

function open(): TestConnection {
  const connection = new TestConnection().begin();
  connection.send(request(1), request(3, { end: true }));
  connection.told.length = 0;
  connection.frames();
  return connection;
}

for (const [what, { bytes, code }] of Object.entries(fatal)) {
  test(`the connection ends after ${what}`, () => {
    const connection = open();
    connection.send(...bytes, ping(Buffer.from('too late')), request(99));
    const sent = connection.sent().filter((one) => !one.startsWith('RST_STREAM') && !one.startsWith('SETTINGS ACK'));
    assert.equal(sent.length, 1, sent.join());
    assert.match(sent[0] ?? '', new RegExp(`^GOAWAY \\d ${code}$`));
    assert.ok(connection.socket.writableEnded);
    assert.deepEqual(
      connection.told.filter((one) => /^reset (1|3) /.test(one)).sort(),
      connection.told.includes('reset 1 CANCEL')
        ? ['reset 1 CANCEL', 'reset 3 CONNECTION_LOST']
        : ['reset 1 CONNECTION_LOST', 'reset 3 CONNECTION_LOST'],
    );
    assert.equal(connection.openStreams, 0);
    connection.send(request(101));
    assert.deepEqual(connection.sent(), []);
    assert.deepEqual(connection.internalErrors, []);
    connection.connection.closed();
  });
}

/** Mistakes in one stream, on a connection as before. */
const inStream: Record<string, { bytes: Buffer[]; answer: string }> = {
  'DATA after the end of the request': { bytes: [data(3, 'x')], answer: 'RST_STREAM 3 streamClosed' },
  'HEADERS after the end of the request': { bytes: [trailers(3, flag.endHeaders | flag.endStream)], answer: 'RST_STREAM 3 streamClosed' },
  'trailers that do not end the request': { bytes: [trailers(1, flag.endHeaders)], answer: 'RST_STREAM 1 protocol' },
  'malformed trailers': { bytes: [headers(1, [[':path', '/']], flag.endHeaders | flag.endStream)], answer: 'RST_STREAM 1 protocol' },
  'a malformed request': { bytes: [request(5, { fields: [['x', 'y']] })], answer: 'RST_STREAM 5 protocol' },
  'an increment of 0': { bytes: [windowUpdate(1, 0)], answer: 'RST_STREAM 1 protocol' },
  'a window over 2^31 - 1': { bytes: [windowUpdate(1, maxWindow - 65_534)], answer: 'RST_STREAM 1 flowControl' },
  'a stream that depends on itself': { bytes: [dependent(5, 5)], answer: 'RST_STREAM 5 protocol' },
  'trailers that make a stream depend on itself': { bytes: [dependent(1, 1)], answer: 'RST_STREAM 1 protocol' },
  'PRIORITY that makes a stream depend on itself': { bytes: [priority(1, 1)], answer: 'RST_STREAM 1 protocol' },
  'a PRIORITY frame of 4 bytes': { bytes: [frame(types.priority, 0, 1, Buffer.alloc(4))], answer: 'RST_STREAM 1 frameSize' },
  'a body longer than its content-length': { bytes: [withLength(3), data(5, 'abcd')], answer: 'RST_STREAM 5 protocol' },
  'a body shorter than its content-length': { bytes: [withLength(3), data(5, 'ab', flag.endStream)], answer: 'RST_STREAM 5 protocol' },
  'trailers before the content-length': {
    bytes: [withLength(3), trailers(5, flag.endHeaders | flag.endStream)],
    answer: 'RST_STREAM 5 protocol',
  },
  'a content-length and no body': { bytes: [withLength(3, true)], answer: 'RST_STREAM 5 protocol' },
  'more DATA than the window of the stream': {
    bytes: Array.from({ length: 17 }, () => data(1, Buffer.alloc(16_384))),
    answer: 'RST_STREAM 1 flowControl',
  },
};

function withLength(length: number, end = false): Buffer {
  return request(5, { end, fields: [...requestFields(), ['content-length', String(length)]] });
}

for (const [what, { bytes, answer }] of Object.entries(inStream)) {
  test(`one stream ends after ${what}, and the others go on`, () => {
    const connection = open();
    connection.send(...bytes);
    assert.deepEqual(connection.sent(), [answer]);
    const id = Number(answer.split(' ')[1]);
    // What the client had sent before it knew is ignored.
    connection.send(data(id, 'late'), request(11, { end: true }));
    assert.deepEqual(connection.sent(), []);
    const told = connection.told.filter((one) => !one.startsWith('data'));
    assert.deepEqual(told.slice(-2), ['stream 11', 'end 11']);
    assert.ok(!told.includes(`end ${id}`));
    assert.equal(told.includes(`stream ${id}`) || id < 5, told.includes(`reset ${id} ${codeOf(answer)}`));
    connection.stream(11).end([...status, 'x', 'y']);
    assert.deepEqual(connection.sent(), ['HEADERS 11 END_STREAM']);
  });
}

function codeOf(answer: string): string {
  return (
    { protocol: 'PROTOCOL_ERROR', flowControl: 'FLOW_CONTROL_ERROR', streamClosed: 'STREAM_CLOSED', frameSize: 'FRAME_SIZE_ERROR' }[
      answer.split(' ')[2] ?? ''
    ] ?? answer
  );
}

test('a body as long as its content-length is taken', () => {
  const connection = open();
  connection.send(withLength(3), data(5, 'ab'), data(5, padded(Buffer.from('c'), 9), flag.padded | flag.endStream));
  assert.deepEqual(connection.told, ['stream 5', 'data 5 ab', 'data 5 c', 'end 5']);
});

test('credit of the connection comes back at once: a stream that is not read holds up no other', () => {
  const connection = new TestConnection({ limits: { connectionWindow: 65_535, streamWindow: 1_000_000 } }).begin();
  connection.send(request(1), ...Array.from({ length: 50 }, () => data(1, Buffer.alloc(16_384))));
  assert.deepEqual(new Set(connection.sent()), new Set(['WINDOW_UPDATE 0 32768']));
});

test('the first frame of a client must be SETTINGS', () => {
  for (const first of [ping(), request(1), settingsAck, windowUpdate(0, 1), frame(99, 0, 0)]) {
    const connection = new TestConnection();
    connection.send(preface, first, settings());
    assert.deepEqual(connection.sent(), ['SETTINGS', 'WINDOW_UPDATE 0 4128769', 'GOAWAY 0 protocol']);
    connection.connection.closed();
  }
});

/** What a peer may do so often, as one step of it. */
const floods: Record<string, { limit: keyof typeof defaultAbuseLimits; step: (index: number) => Buffer[] }> = {
  'resets of streams (CVE-2023-44487)': { limit: 'reset', step: (index) => [request(2 * index + 5), reset(2 * index + 5)] },
  'mistakes for which we reset streams (CVE-2025-8671)': {
    limit: 'reset',
    step: (index) => [request(2 * index + 5), windowUpdate(2 * index + 5, 0)],
  },
  SETTINGS: { limit: 'settings', step: () => [settings()] },
  'empty DATA': { limit: 'empty', step: () => [data(1, nothing)] },
  'DATA that is padding alone': { limit: 'empty', step: () => [data(1, padded(nothing, 4), flag.padded)] },
  PRIORITY: { limit: 'ignored', step: () => [priority(1, 3)] },
  'frames of unknown types': { limit: 'ignored', step: () => [frame(99, 0, 0)] },
  GOAWAY: { limit: 'ignored', step: () => [frame(types.goaway, 0, 0, Buffer.alloc(8))] },
  WINDOW_UPDATE: { limit: 'windowUpdate', step: () => [windowUpdate(0, 1)] },
};

for (const [what, { limit, step }] of Object.entries(floods)) {
  test(`a flood of ${what} ends the connection, and what is allowed does not`, () => {
    const connection = open();
    const { burst } = defaultAbuseLimits[limit];
    // The SETTINGS that a connection begins with are counted.
    const allowed = limit === 'settings' ? burst - 1 : burst;
    connection.send(...Array.from({ length: allowed }, (_, index) => step(index)).flat());
    assert.ok(!connection.socket.writableEnded);
    connection.frames();
    connection.send(...step(allowed));
    assert.match(connection.sent().at(-1) ?? '', /^GOAWAY \d+ calm$/);
    connection.connection.closed();
  });
}

test('a flood of PINGs ends the connection with too_many_pings', () => {
  const connection = open();
  connection.send(ping(), ping(), ping());
  connection.frames();
  connection.send(ping());
  const [goaway] = connection.frames();
  assert.equal(goaway?.payload.toString('latin1', 8), 'too_many_pings');
  connection.connection.closed();
});

test('what we send lets a client ping, and send WINDOW_UPDATE', () => {
  const connection = new TestConnection().begin();
  const { burst } = defaultAbuseLimits.windowUpdate;
  connection.send(request(1, { end: true }));
  const stream = connection.stream(1);
  stream.respond(status);
  connection.send(...Array.from({ length: burst }, () => windowUpdate(0, 1)));
  for (let count = 0; count < 50; count++) {
    stream.send(nothing, Buffer.from('x'));
    connection.send(ping(), windowUpdate(0, 1), windowUpdate(1, 1));
  }
  assert.ok(!connection.socket.writableEnded);
  assert.equal(connection.sent().filter((one) => one.startsWith('PING ACK')).length, 50);
});

test('a peer that does not read its answers is sent away, and what waits for it is bounded', () => {
  const connection = new TestConnection({ onStream: (stream) => void stream.end([...status, 'x', 'y'.repeat(1_000)]) }).begin();
  connection.socket.hold();
  for (let id = 1; !connection.socket.writableEnded; id += 2) {
    assert.ok(id < 10_000, 'it is never sent away');
    connection.send(request(id, { end: true }));
  }
  assert.ok(connection.socket.writableLength < 2.2 * 1024 * 1024);
  connection.connection.closed();
});
