import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Http2Server } from '../../../src/http2/server.js';
import type { Stream } from '../../../src/http2/stream.js';
import { FakeSocket } from '../../support/http2/fake-socket.js';
import { data, describe, flag, ping, preface, readFrames, request, settings, types, windowUpdate } from '../../support/http2/frames.js';

const status = [':status', '200'];
const limits = { keepaliveMs: 60_000, keepaliveTimeoutMs: 20_000, frameTimeoutMs: 10_000, stallTimeoutMs: 30_000 };

interface Served {
  server: Http2Server;
  streams: Stream[];
  resets: string[];
  errors: unknown[];
  accept: () => FakeSocket;
  /** Lets time pass, in steps of the server's sweep. */
  pass: (milliseconds: number) => Promise<void>;
}

function open(t: TestContext): Served {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const streams: Stream[] = [];
  const resets: string[] = [];
  const errors: unknown[] = [];
  const server = new Http2Server({
    ...limits,
    indexedNames: new Set(),
    onInternalError: (error) => errors.push(error),
    onStream: (stream) => {
      streams.push(stream);
      return { data: () => undefined, endOfRequest: () => undefined, reset: (code) => resets.push(`${stream.id} ${code}`) };
    },
  });
  t.after(() => server.destroy());
  const accept = (): FakeSocket => {
    const socket = new FakeSocket();
    server.accept(socket);
    return socket;
  };
  const pass = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 1_000) {
      now += 1_000;
      t.mock.timers.tick(1_000);
    }
    await setImmediate();
    await setImmediate();
  };
  return { server, streams, resets, errors, accept, pass };
}

async function sent(socket: FakeSocket): Promise<string[]> {
  await setImmediate();
  await setImmediate();
  return readFrames(socket.taken()).map(describe);
}

async function begun({ accept }: Served): Promise<FakeSocket> {
  const socket = accept();
  socket.arrive(Buffer.concat([preface, settings()]));
  assert.deepEqual(await sent(socket), ['SETTINGS', 'WINDOW_UPDATE 0 4128769', 'SETTINGS ACK']);
  return socket;
}

test('a request is served on the socket it came on', async (t) => {
  const served = open(t);
  const [socket, other] = [await begun(served), await begun(served)];
  socket.arrive(request(1, { end: true }));
  await setImmediate();
  served.streams[0]?.end([...status, 'x', 'y']);
  assert.deepEqual(await sent(socket), ['HEADERS 1 END_STREAM']);
  assert.deepEqual(await sent(other), []);
  assert.equal(served.server.size, 2);
});

test('a quiet client is asked whether it is there, and its connection is closed when it does not answer', async (t) => {
  const served = open(t);
  const [silent, answering] = [await begun(served), await begun(served)];
  await served.pass(60_000);
  assert.deepEqual(await sent(silent), []);
  await served.pass(1_000);
  const [asked] = readFrames(answering.taken());
  assert.ok(asked?.type === types.ping);
  assert.deepEqual(await sent(silent), ['PING']);
  answering.arrive(ping(asked.payload, flag.ack));
  await served.pass(19_000);
  assert.ok(!silent.destroyed);
  await served.pass(1_000);
  assert.ok(silent.destroyed && !answering.destroyed);
  assert.equal(served.server.size, 1);
});

test('a client that does not end its preface or its frame loses its connection, and one that goes on does not', async (t) => {
  const served = open(t);
  const nothing = served.accept();
  const [cut, going] = [await begun(served), await begun(served)];
  const bytes = data(1, 'abc');
  going.arrive(request(1));
  await served.pass(5_000);
  assert.ok(!nothing.destroyed);
  cut.arrive(bytes.subarray(0, 4));
  going.arrive(bytes.subarray(0, 4));
  await served.pass(5_000);
  assert.ok(nothing.destroyed && !cut.destroyed);
  going.arrive(bytes.subarray(4));
  cut.arrive(bytes.subarray(4, 6));
  await served.pass(5_000);
  assert.ok(cut.destroyed && !going.destroyed);
});

test('a response that stands still is reset, and whoever sends it is told', async (t) => {
  const served = open(t);
  const socket = await begun(served);
  socket.arrive(request(1, { end: true }));
  await served.pass(50_000);
  const [stream] = served.streams;
  stream?.respond(status);
  stream?.send(Buffer.alloc(0), Buffer.alloc(100_000));
  await sent(socket);
  await served.pass(29_000);
  assert.deepEqual(served.resets, []);
  await served.pass(1_000);
  assert.deepEqual(served.resets, ['1 CANCEL']);
  assert.ok((await sent(socket)).includes('RST_STREAM 1 cancel'));
});

test('an error in what one connection has to do holds up no other', async (t) => {
  const served = open(t);
  const [one, other] = [await begun(served), await begun(served)];
  for (const socket of [one, other]) socket.arrive(request(1, { end: true }));
  await setImmediate();
  for (const stream of served.streams) stream.respond(status);
  served.streams[0]?.send(Buffer.alloc(0), Buffer.from('x'), () => {
    throw new Error('wrong');
  });
  served.streams[1]?.end();
  assert.deepEqual(await sent(other), ['HEADERS 1', 'DATA 1 0 END_STREAM']);
  assert.equal((await sent(one)).at(-1), 'GOAWAY 1 internal');
  assert.equal(served.errors.length, 1);
});

test('a drain ends the connections one by one, and who waits for them is told when there is none', async (t) => {
  const served = open(t);
  const { server } = served;
  await server.whenEmpty(1_000);
  const [idle, busy] = [await begun(served), await begun(served)];
  busy.arrive(request(1, { end: true }));
  await setImmediate();
  server.drain();
  for (const socket of [idle, busy]) {
    await setImmediate();
    await setImmediate();
    const [, asked] = readFrames(socket.taken());
    assert.ok(asked?.type === types.ping);
    socket.arrive(ping(asked.payload, flag.ack));
  }
  await setImmediate();
  assert.ok(idle.writableEnded && !busy.writableEnded);
  const late = served.accept();
  assert.ok(late.destroyed);
  let empty = false;
  const waiting = server.whenEmpty(5_000).then(() => {
    empty = true;
  });
  idle.destroy();
  await setImmediate();
  assert.ok(!empty);
  served.streams[0]?.end([...status, 'x', 'y']);
  assert.ok(busy.writableEnded);
  busy.destroy();
  await waiting;
  assert.equal(server.size, 0);
});

test('who waits for the end of connections waits no longer than he said', async (t) => {
  const served = open(t);
  await begun(served);
  const waiting = served.server.whenEmpty(5_000);
  await served.pass(5_000);
  await waiting;
  assert.equal(served.server.size, 1);
});

test('a long response goes on when the socket has room again', async (t) => {
  const served = open(t);
  const socket = served.accept();
  socket.arrive(Buffer.concat([preface, settings([[4, 10_000_000]]), windowUpdate(0, 10_000_000), request(1, { end: true })]));
  await sent(socket);
  const [stream] = served.streams;
  stream?.respond(status);
  socket.hold();
  stream?.send(Buffer.alloc(0), Buffer.alloc(2_000_000));
  stream?.end();
  assert.deepEqual(await sent(socket), []);
  socket.release();
  const frames: string[] = [];
  for (let turn = 0; turn < 20; turn++) frames.push(...(await sent(socket)));
  assert.equal(frames.at(-1), 'DATA 1 0 END_STREAM');
});

test('a socket that breaks or closes takes its streams along, and no other', async (t) => {
  const served = open(t);
  const [broken, closed, other] = [await begun(served), await begun(served), await begun(served)];
  for (const socket of [broken, closed, other]) socket.arrive(request(1));
  await setImmediate();
  broken.emit('error', new Error('ECONNRESET'));
  assert.ok(broken.destroyed);
  closed.destroy();
  await setImmediate();
  assert.deepEqual(served.resets, ['1 CONNECTION_LOST', '1 CONNECTION_LOST']);
  assert.ok(!other.destroyed);
  assert.equal(served.server.size, 1);
  assert.deepEqual(served.errors, []);
});

test('a server that is destroyed ends its connections, and tells their streams', async (t) => {
  const served = open(t);
  const socket = await begun(served);
  socket.arrive(request(1));
  await setImmediate();
  served.server.destroy();
  assert.ok(socket.destroyed);
  assert.deepEqual(served.resets, ['1 CONNECTION_LOST']);
});
