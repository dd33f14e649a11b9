import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Connection, type ConnectionOptions } from '../../../src/wire/connection.js';
import { encodeFrame, FrameError } from '../../../src/wire/frame.js';
import { type Message, toFrame } from '../../../src/wire/messages.js';

interface End {
  connection: Connection;
  socket: Socket;
  next: () => Promise<Message>;
  closed: Promise<Error | undefined>;
}

/** A real socket, a connection at one end of it, the bare socket at the other. */
async function open(t: TestContext, options: Partial<ConnectionOptions> = {}): Promise<{ end: End; peer: Socket }> {
  const folder = await mkdtemp(join(tmpdir(), 'dcf-test-'));
  const server = createServer();
  server.listen(join(folder, 's'));
  await once(server, 'listening');
  const waiting: ((message: Message) => void)[] = [];
  const arrived: Message[] = [];
  let onClosed: (error: Error | undefined) => void = () => undefined;
  const closed = new Promise<Error | undefined>((resolve) => {
    onClosed = resolve;
  });
  let socket: Socket | undefined;
  const connected = once(server, 'connection');
  const connection = new Connection({
    open: (onread) => {
      socket = connect({ path: join(folder, 's'), onread });
      return socket;
    },
    maxBodyLength: 1 << 20,
    headroom: 0,
    allocate: Buffer.allocUnsafe,
    pauseWhenCongested: false,
    onMessage: (message) => {
      const next = waiting.shift();
      if (next === undefined) arrived.push(message);
      else next(message);
    },
    onClose: onClosed,
    ...options,
  });
  const [peer]: Socket[] = await connected;
  assert.ok(peer !== undefined && socket !== undefined);
  t.after(async () => {
    connection.destroy();
    peer.destroy();
    server.close();
    await rm(folder, { recursive: true });
  });
  const next = (): Promise<Message> => {
    const message = arrived.shift();
    return message === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(message);
  };
  return { end: { connection, socket, next, closed }, peer };
}

test('what is sent in one turn of the event loop is gathered into one write', async (t) => {
  const { end, peer } = await open(t);
  const written = t.mock.method(end.socket, 'write');
  for (let id = 1; id <= 15; id++) end.connection.send({ type: 'RESULT', id, body: Buffer.from(`body ${id}`) });
  const [chunk]: Buffer[] = await once(peer, 'data');
  assert.equal(
    chunk?.length,
    Array.from({ length: 15 }, (_, index) => 16 + `body ${index + 1}`.length).reduce((sum, length) => sum + length),
  );
  // The system puts together what is written at once, so the other end cannot tell.
  assert.equal(written.mock.callCount(), 1);
});

test('long and short bodies arrive whole and in order', async (t) => {
  const { end, peer } = await open(t);
  peer.pipe(peer);
  const sent = [10, 900_000, 0, 8192, 8193, 70_000].map((length, index) => Buffer.alloc(length, index + 1));
  for (const [index, body] of sent.entries()) end.connection.send({ type: 'RESULT', id: index + 1, body });
  for (const [index, body] of sent.entries()) {
    const message = await end.next();
    assert.ok(message.type === 'RESULT' && message.id === index + 1);
    assert.ok(Buffer.from(message.body).equals(body), `body ${index}`);
  }
});

test('rubbish ends the connection with an error that names the rule', async (t) => {
  const { end, peer } = await open(t);
  peer.on('error', () => undefined);
  peer.write(Buffer.alloc(64, 0xff));
  const error = await end.closed;
  assert.ok(error instanceof FrameError);
  assert.match(error.message, /over the limit/);
});

test('an end in the middle of a frame is an error, an end between frames is not', async (t) => {
  const cut = await open(t);
  cut.peer.end(Buffer.alloc(7));
  assert.match(String(await cut.end.closed), /ended inside a frame/);
  const clean = await open(t);
  clean.peer.end();
  assert.equal(await clean.end.closed, undefined);
});

test('a worker reads no more calls while its answers wait to be read', async (t) => {
  let received = 0;
  let answer: (id: number) => void = () => undefined;
  const { end, peer } = await open(t, {
    pauseWhenCongested: true,
    onMessage: (message) => {
      if (message.type !== 'CALL') return;
      received += 1;
      answer(message.id);
    },
  });
  answer = (id) => end.connection.send({ type: 'RESULT', id, body: Buffer.alloc(1 << 20) });
  // The answers fill the socket's buffer, because the peer does not read; then the calls are left unread.
  const source = await open(t);
  const calls = 2000;
  for (let id = 1; id <= calls; id++) {
    source.end.connection.send({
      type: 'CALL',
      id,
      timeoutMs: 1,
      more: false,
      streamIn: false,
      streamOut: false,
      announce: false,
      requestId: 'r',
      metadata: undefined,
      body: Buffer.alloc(4096),
    });
  }
  peer.pause();
  source.peer.pipe(peer, { end: false });
  await once(end.socket, 'pause');
  const whenPaused = received;
  assert.ok(whenPaused < calls, `${whenPaused} calls were read`);
  // Once the answers are read, it goes on.
  peer.resume();
  await once(end.socket, 'resume');
});

function logs(count: number): Buffer {
  const line = toFrame({ type: 'LOG', id: 0, level: 'info', time: 1, text: 'x'.repeat(84) });
  return Buffer.concat(Array.from({ length: count }, () => encodeFrame(line)));
}

test('a flood of log lines leaves what else waits its turn', async (t) => {
  let lines = 0;
  const { peer } = await open(t, {
    onMessage: () => {
      lines += 1;
    },
  });
  const flood = logs(1000);
  const { length } = flood.subarray(0, flood.length / 1000);
  peer.write(flood);
  let before = 0;
  while (lines < 1000) {
    await setImmediate();
    assert.ok((lines - before) * length <= 64 * 1024 + length, `${lines - before} lines in one turn`);
    before = lines;
  }
});

test('log lines that are not wanted are passed over, and nothing else is', async (t) => {
  let asked = 0;
  const { end, peer } = await open(t, {
    takesLog: () => {
      asked += 1;
      return asked % 2 === 0;
    },
  });
  peer.write(Buffer.concat([logs(4), encodeFrame(toFrame({ type: 'STARTED', id: 7 }))]));
  const types = [await end.next(), await end.next(), await end.next()].map(({ type }) => type);
  assert.deepEqual([types, asked], [['LOG', 'LOG', 'STARTED'], 4]);
});
