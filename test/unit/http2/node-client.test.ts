import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Connection, type ConnectionLimits, defaultLimits } from '../../../src/http2/connection.js';
import type { RequestHead } from '../../../src/http2/request-head.js';
import type { Stream, StreamListener } from '../../../src/http2/stream.js';
import { duplexPair } from '../../support/http2/duplex-pair.js';

const nothing = new Uint8Array(0);

interface Pair {
  client: ClientHttp2Session;
  connection: Connection;
  socket: Duplex;
  errors: unknown[];
  streams: Set<Stream>;
}

/** Node's own client and a connection of ours, without a system between them. */
function open(
  t: TestContext,
  onStream: (stream: Stream, head: RequestHead) => StreamListener,
  { settings = {}, limits = {} }: { settings?: Settings; limits?: Partial<ConnectionLimits> } = {},
): Pair {
  const [near, far] = duplexPair();
  const errors: unknown[] = [];
  const streams = new Set<Stream>();
  const connection = new Connection(near, {
    limits: { ...defaultLimits, ...limits },
    indexedNames: new Set(['x-echo']),
    onStream: (stream, head) => {
      assert.ok(head !== undefined);
      streams.add(stream);
      return onStream(stream, head);
    },
    schedule: (one) => queueMicrotask(() => one.flush()),
    onInternalError: (error) => errors.push(error),
    now: () => performance.now(),
  });
  near.on('data', (chunk: Buffer) => connection.read(chunk));
  near.on('drain', () => connection.drained());
  near.on('error', () => near.destroy());
  near.once('close', () => connection.closed());
  const client = connect('http://localhost', { createConnection: () => far, settings });
  client.on('error', (error) => errors.push(error));
  t.after(() => {
    client.destroy();
    near.destroy();
    connection.closed();
  });
  return { client, connection, socket: near, errors, streams };
}

/** Sends a request's body back as it comes, and its header `x-echo` in front of it and behind it. */
function echo(stream: Stream, { fields }: RequestHead): StreamListener {
  const place = fields.indexOf('x-echo');
  const text = place === -1 ? 'none' : (fields[place + 1] ?? '');
  stream.respond([':status', '200', 'x-echo', text]);
  return {
    data: (bytes, start, end) => {
      const part = Buffer.from(bytes.subarray(start, end));
      stream.send(nothing, part, () => stream.giveBack(part.length));
    },
    endOfRequest: () => stream.end(['x-trailer', text]),
    reset: () => undefined,
  };
}

interface Reply {
  headers: IncomingHttpHeaders;
  body: Buffer;
  trailers: IncomingHttpHeaders | undefined;
}

/** Reads a reply, at the pace at which it comes. */
async function reply(request: ClientHttp2Stream): Promise<Reply> {
  let trailers: IncomingHttpHeaders | undefined;
  request.on('trailers', (fields) => {
    trailers = fields;
  });
  const [headers]: IncomingHttpHeaders[] = await once(request, 'response');
  assert.ok(headers !== undefined);
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return { headers, body: Buffer.concat(parts), trailers };
}

function pattern(length: number, start: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 7 + start + (at >>> 8)) & 255;
  return bytes;
}

async function exchange(client: ClientHttp2Session, body: Buffer, headers: OutgoingHttpHeaders = {}): Promise<Reply> {
  const request = client.request({ ':method': 'POST', ':path': '/', ...headers }, { endStream: body.length === 0 });
  if (body.length > 0) request.end(body);
  return reply(request);
}

const cases: { settings: Settings; lengths: number[] }[] = [
  { settings: {}, lengths: [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 1 << 20] },
  { settings: { initialWindowSize: 1 }, lengths: [0, 1, 2, 300] },
  { settings: { initialWindowSize: 1_000 }, lengths: [999, 1_000, 1_001, 100_000] },
  { settings: { initialWindowSize: 4 << 20, maxFrameSize: 1 << 20 }, lengths: [70_000, 1 << 20, 3 << 20] },
  { settings: { headerTableSize: 0 }, lengths: [0, 10] },
];

for (const { settings, lengths } of cases) {
  test(`Node's client gets back what it sends, side by side (${JSON.stringify(settings)})`, async (t) => {
    const { client, streams, errors } = open(t, echo, { settings, limits: { streamWindow: 65_535, connectionWindow: 65_535 } });
    await Promise.all(
      lengths.map(async (length, index) => {
        const body = pattern(length, index);
        const { headers, body: received, trailers } = await exchange(client, body, { 'x-echo': `number ${index}` });
        assert.deepEqual([headers[':status'], headers['x-echo'], trailers?.['x-trailer']], [200, `number ${index}`, `number ${index}`]);
        assert.ok(received.equals(body), `${received.length} bytes of ${length}`);
      }),
    );
    assert.ok([...streams].every(({ state }) => state === 'closed'));
    assert.deepEqual(errors, []);
  });
}

test('header blocks over several frames are read, and written so that Node reads them', async (t) => {
  const { client, errors } = open(t, echo, { limits: { maxHeaderListSize: 200_000 } });
  const long = 'y'.repeat(40_000);
  const { headers, trailers } = await exchange(client, Buffer.from('x'), { 'x-echo': long });
  assert.equal(headers['x-echo'], long);
  assert.equal(trailers?.['x-trailer'], long);
  assert.deepEqual(errors, []);
});

test('trailers of a request end it', async (t) => {
  const { client } = open(t, echo);
  const request = client.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
  request.on('wantTrailers', () => request.sendTrailers({ 'x-sent': 'yes' }));
  request.end('body');
  assert.equal((await reply(request)).body.toString(), 'body');
});

test('a client that resets a stream, and a server that does, tell the other why', async (t) => {
  const told: string[] = [];
  const { client, streams } = open(t, (stream, { path }) => {
    if (path === '/reset') stream.reset('REFUSED_STREAM');
    return { data: () => undefined, endOfRequest: () => undefined, reset: (code) => told.push(code) };
  });
  const closed = (request: ClientHttp2Stream): Promise<void> =>
    new Promise((resolve) => {
      request.on('error', () => undefined);
      request.once('close', resolve);
    });
  const refused = client.request({ ':method': 'POST', ':path': '/reset' });
  await closed(refused);
  assert.equal(refused.rstCode, constants.NGHTTP2_REFUSED_STREAM);
  const given = client.request({ ':method': 'POST', ':path': '/' });
  given.write('part', () => given.close(constants.NGHTTP2_CANCEL));
  await closed(given);
  while (told.length === 0) await setImmediate();
  assert.deepEqual(told, ['CANCEL']);
  assert.ok([...streams].every(({ state }) => state === 'closed'));
});

test('a response that ends before its request comes whole', async (t) => {
  const { client } = open(t, (stream) => {
    stream.respond([':status', '200']);
    stream.send(nothing, Buffer.from('early'));
    stream.end(['x-trailer', 'yes']);
    return { data: () => undefined, endOfRequest: () => undefined, reset: () => undefined };
  });
  const request = client.request({ ':method': 'POST', ':path': '/' });
  const { body, trailers } = await reply(request);
  assert.deepEqual([body.toString(), trailers?.['x-trailer']], ['early', 'yes']);
  request.destroy();
});

test('a drain: Node sends no more, and what it had sent is answered', async (t) => {
  const { client, connection, socket } = open(t, echo);
  const request = client.request({ ':method': 'POST', ':path': '/' });
  request.write('before ');
  await once(request, 'response');
  const goaway = once(client, 'goaway');
  connection.drain();
  const [code]: number[] = await goaway;
  assert.equal(code, constants.NGHTTP2_NO_ERROR);
  request.end('after');
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  assert.equal(Buffer.concat(parts).toString(), 'before after');
  if (!socket.writableEnded) await once(socket, 'finish');
});
