import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { startDaemon } from '../../support/daemon.js';
import { deploySource } from '../../support/functions.js';
import { assertNoMistakes } from '../../support/mistakes.js';
import { eventually } from '../../support/processes.js';
import { callHeaders, fieldBlock, type RawHttp2, rawHttp2, types } from '../../support/raw-http2.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--first-byte-timeout', '1s', '--body-timeout', '2s', '--max-payload', '1MiB'] });
await deploySource(owner, daemon, 'echo', 'export class Handler { async call(request) { return request.input; } }', { concurrency: 16 });

const protocolError = 1;
const flowControlError = 3;
const frameSizeError = 6;
const calm = 11;
const padded = 8;
const endHeaders = 4;
const endStream = 1;
const none = Buffer.alloc(0);
const invoke = fieldBlock(callHeaders);
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const times = (count: number, play: (index: number) => void): void => {
  for (let index = 0; index < count; index += 1) play(index);
};
const open = (raw: RawHttp2, index: number): number => {
  const id = 2 * index + 1;
  raw.block(id, invoke);
  return id;
};

/** How long a call takes that another connection makes, at the 99th of a hundred, in milliseconds. */
async function slowestOfOthers(while_: () => boolean = () => true): Promise<number> {
  const taken: number[] = [];
  for (let index = 0; index < 100 && (while_() || index < 20); index += 1) {
    const begun = performance.now();
    assert.equal(Buffer.from((await daemon.client.invoke('echo', 'other')).output).toString(), 'other');
    taken.push(performance.now() - begun);
  }
  return taken.sort((one, other) => one - other)[Math.floor(taken.length * 0.99)] ?? 0;
}

/** Attacks, each with the code of the GOAWAY that ends it. */
const attacks: Readonly<Record<string, [play: (raw: RawHttp2) => void, code: number]>> = {
  '10,000 streams opened and reset: 1,000 at once are allowed': [
    (raw) =>
      times(10_000, (index) => {
        raw.frame(types.reset, 0, open(raw, index), uint32(8));
      }),
    calm,
  ],
  'streams that the daemon resets for mistakes in them count as well': [
    (raw) =>
      times(2_000, (index) => {
        raw.frame(types.windowUpdate, 0, open(raw, index), uint32(0));
      }),
    calm,
  ],
  'a header block of 1 MiB in CONTINUATION frames: 256 KiB are read': [(raw) => raw.block(1, Buffer.alloc(1 << 20)), calm],
  'CONTINUATION frames without content: 1,000 at once are allowed': [
    (raw) => {
      raw.frame(types.headers, 0, 1, invoke);
      times(2_000, () => raw.frame(types.continuation, 0, 1, none));
    },
    calm,
  ],
  'PING frames: 100 at once are allowed, and 3 too early while nothing is sent': [
    (raw) => times(200, () => raw.frame(types.ping, 0, 0, Buffer.alloc(8))),
    calm,
  ],
  'SETTINGS frames: 50 at once are allowed': [(raw) => times(100, () => raw.frame(types.settings, 0, 0, none)), calm],
  'DATA frames without content: 1,000 at once are allowed': [
    (raw) => {
      open(raw, 0);
      times(2_000, () => raw.frame(types.data, 0, 1, none));
    },
    calm,
  ],
  'DATA frames that are padding alone count as such': [
    (raw) => {
      open(raw, 0);
      times(2_000, () => raw.frame(types.data, padded, 1, Buffer.of(3, 0, 0, 0)));
    },
    calm,
  ],
  'PRIORITY frames: 1,000 at once are allowed': [(raw) => times(2_000, () => raw.frame(types.priority, 0, 3, Buffer.alloc(5))), calm],
  'frames of unknown types: 1,000 at once are allowed': [(raw) => times(2_000, () => raw.frame(0xfa, 0, 0, Buffer.alloc(5))), calm],
  'WINDOW_UPDATE frames: 10,000 at once are allowed': [(raw) => times(20_000, () => raw.frame(types.windowUpdate, 0, 0, uint32(1))), calm],
  'a window of more than 2^31 - 1': [(raw) => times(2, () => raw.frame(types.windowUpdate, 0, 0, uint32(0x7fffffff))), flowControlError],
  'a frame of 16,385 bytes': [(raw) => raw.frame(0xfa, 0, 0, Buffer.alloc(16_385)), frameSizeError],
  'DATA before a stream is opened': [(raw) => raw.frame(types.data, 0, 1, none), protocolError],
  'a stream of an even number': [(raw) => raw.block(2, invoke), protocolError],
};

for (const [what, [play, code]] of Object.entries(attacks)) {
  test(`${what}: the connection ends, and another is served`, async (t) => {
    const quiet = await slowestOfOthers();
    const raw = await rawHttp2(t, daemon.url);
    play(raw);
    const meanwhile = await slowestOfOthers(raw.isOpen);
    await eventually('the connection ends', () => !raw.isOpen());
    assert.equal(raw.goaway()?.code, code, raw.goaway()?.text);
    t.diagnostic(`another connection's calls, 99 of 100: ${quiet.toFixed(1)} ms before, ${meanwhile.toFixed(1)} ms meanwhile`);
    assert.ok(meanwhile < 2 * quiet + 500, `${meanwhile} ms meanwhile, and ${quiet} ms before`);
  });
}

/** Requests that HTTP/2 calls malformed: they are reset, and the connection goes on. */
const malformed: Readonly<Record<string, (readonly [string, string])[]>> = {
  'a name with capitals': [...callHeaders, ['Content-Length', '5']],
  'a name with a control character': [...callHeaders, ['a\u0001b', 'x']],
  'a value with a line break': [...callHeaders, ['key', 'a\r\nb']],
  'no :path': callHeaders.filter(([name]) => name !== ':path'),
  'two of :path': [[':path', '/'], ...callHeaders],
  'a field of connections': [...callHeaders, ['connection', 'close']],
  'te that is not trailers': [...callHeaders.filter(([name]) => name !== 'te'), ['te', 'gzip']],
  'an unknown field with a colon': [[':unknown', 'x'], ...callHeaders],
};

for (const [what, fields] of Object.entries(malformed)) {
  test(`a request with ${what} is reset, and the next one on the connection is served`, async (t) => {
    const raw = await rawHttp2(t, daemon.url);
    raw.block(1, fieldBlock(fields));
    await eventually('it is reset', () => raw.fate(1) === `reset ${protocolError}`);
    raw.call(3, 'echo');
    await eventually('the next is answered', () => raw.fate(3) === 'ended');
  });
}

/** Connections that never become HTTP/2, with what is sent on them. */
const strangers: Readonly<Record<string, Buffer>> = {
  'HTTP/1.1': Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'),
  'a TLS handshake': Buffer.from('16030100c8010000c40303', 'hex'),
  'half of the preface': Buffer.from('PRI * HTTP/2.0\r\n'),
  nothing: none,
  'a frame in place of the preface': Buffer.from('000000040000000000', 'hex'),
  'the preface, and half of a frame': Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0'),
};

for (const [what, bytes] of Object.entries(strangers)) {
  test(`a connection with ${what} is closed`, async (t) => {
    const [host, port] = daemon.url.split(':');
    const socket = connect(Number(port), host);
    t.after(() => socket.destroy());
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    if (bytes.length > 0) socket.write(bytes);
    socket.resume();
    if (!socket.closed) await once(socket, 'close');
  });
}

test('a request that drips is ended by the time limit of bodies', async (t) => {
  const raw = await rawHttp2(t, daemon.url);
  open(raw, 0);
  raw.frame(types.data, 0, 1, Buffer.of(0, 0, 0, 1, 0));
  const drip = setInterval(() => raw.frame(types.data, 0, 1, Buffer.of(1)), 100);
  t.after(() => clearInterval(drip));
  await eventually('it is ended', () => raw.fate(1) !== undefined);
  clearInterval(drip);
  raw.call(3, 'echo');
  await eventually('the next is answered', () => raw.fate(3) === 'ended');
});

test('a client that gives no window holds up its own stream alone', async (t) => {
  const raw = await rawHttp2(t, daemon.url);
  raw.frame(types.settings, 0, 0, Buffer.from('000400000000', 'hex'));
  await raw.allRead();
  raw.call(1, 'echo');
  // An empty output is an empty message of five bytes, for which there is no window.
  raw.frame(types.windowUpdate, 0, 3, uint32(1));
  await eventually('the connection ends', () => !raw.isOpen());
  assert.equal(raw.goaway()?.code, protocolError);
  const patient = await rawHttp2(t, daemon.url);
  patient.frame(types.settings, 0, 0, Buffer.from('000400000000', 'hex'));
  patient.call(1, 'echo');
  patient.call(3, 'echo');
  await patient.allRead();
  await slowestOfOthers();
  assert.equal(patient.fate(1), undefined);
  patient.frame(types.windowUpdate, 0, 3, uint32(100));
  await eventually('the one with a window is answered', () => patient.fate(3) === 'ended');
  assert.equal(patient.fate(1), undefined);
  patient.frame(types.windowUpdate, 0, 1, uint32(100));
  await eventually('and then the other', () => patient.fate(1) === 'ended');
});

test('a thousand connections that stop reading hold up nobody', async (t) => {
  const calls = async (): Promise<number> => (await daemon.control.list()).find(({ name }) => name === 'echo')?.calls ?? 0;
  const quiet = await slowestOfOthers();
  const before = await calls();
  const raws = await Promise.all(Array.from({ length: 1_000 }, () => silent(t)));
  // Their calls are work like any other; it is the answers that nobody reads that must cost nothing.
  await eventually('their calls have been handled', async () => (await calls()) >= before + 1_000);
  const meanwhile = await slowestOfOthers();
  t.diagnostic(`another connection's calls, 99 of 100: ${quiet.toFixed(1)} ms before, ${meanwhile.toFixed(1)} ms meanwhile`);
  assert.ok(raws.length === 1_000 && meanwhile < 2 * quiet + 500, `${meanwhile} ms meanwhile, and ${quiet} ms before`);
});

/** A connection that calls, and reads nothing of the answer. */
async function silent(owner: { after: (fn: () => void) => void }): Promise<void> {
  const [host, port] = daemon.url.split(':');
  const socket = connect({ port: Number(port), host: host ?? '', onread: { buffer: Buffer.alloc(1), callback: () => false } });
  owner.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const head = (length: number, type: number, flags: number, id: number): Buffer =>
    Buffer.concat([uint32(length).subarray(1), Buffer.of(type, flags), uint32(id)]);
  const input = Buffer.alloc(200_000);
  const message = Buffer.concat([Buffer.from('0a046563686f12c09a0c', 'hex'), input]);
  const body = Buffer.concat([Buffer.of(0), uint32(message.length), message]);
  const frames = [
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    head(0, types.settings, 0, 0),
    head(invoke.length, types.headers, endHeaders, 1),
    invoke,
  ];
  for (let at = 0; at < body.length; at += 16_000) {
    const part = body.subarray(at, at + 16_000);
    frames.push(head(part.length, types.data, at + 16_000 >= body.length ? endStream : 0, 1), part);
  }
  socket.write(Buffer.concat(frames));
}

test('nothing of all that was a mistake of the daemon', async () => {
  assertNoMistakes(daemon.log());
});
