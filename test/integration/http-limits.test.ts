import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Owner, temporaryDirectory } from '../support/cleanup.js';
import { runDaemon, startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { type HttpConnection, openHttp, requestHead } from '../support/http-client.js';
import { misbehavingSource } from '../support/misbehaving.js';
import { eventually } from '../support/processes.js';
import { invokeRequest, rawClient } from '../support/raw-client.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--max-bytes-in-flight', '1MiB'] });
await deploySource(owner, daemon, 'echo', echoSource, { limits: { payload: '2MiB' } });
await deploySource(owner, daemon, 'small', echoSource, { limits: { payload: '1KiB' } });
await deploySource(owner, daemon, 'probe', misbehavingSource, { callLog: false });
const impatient = await startDaemon(owner, {
  args: ['--first-byte-timeout', '200ms', '--body-timeout', '300ms', '--max-connections', '4'],
});
await deploySource(owner, impatient, 'echo', echoSource);

const kibibyte = 'x'.repeat(1024);
const post = (name: string, headers: Readonly<Record<string, string | number>>): string => requestHead(`POST /functions/${name}`, headers);

async function served(to: TestDaemon = daemon): Promise<void> {
  const response = await fetch(`${to.http}/functions/echo`, { method: 'POST', body: 'served', headers: { connection: 'close' } });
  assert.equal(await response.text(), 'served');
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** Starts a call of `probe` that lasts until its caller gives up. Resolves when it runs. */
async function startWaiting(t: Owner, id: string): Promise<{ connection: HttpConnection; logs: AsyncGenerator<{ text: string }> }> {
  const connection = await openHttp(t, daemon.http);
  connection.send(`${post('probe', { 'content-length': 4, 'dcf-request-id': id })}wait`);
  const logs = daemon.control.logs({ name: 'probe', follow: true, callId: id });
  assert.equal((await logs.next()).value?.text, 'waits');
  return { connection, logs };
}

test('an announced body over the limit is refused before it is sent, and the connection closed', async (t) => {
  const { send, answer, rest } = await openHttp(t, daemon.http);
  send(post('echo', { 'content-length': 3 * 2 ** 20 }));
  const { status, headers, body } = await answer();
  assert.equal(status, 413);
  assert.equal(headers['connection'], 'close');
  assert.match(body, /the input has 3145728 bytes; limits\.payload of echo is 2097152/);
  assert.equal(await rest(), '');
});

test('who reads only when all is sent gets the answer, and no reset', async (t) => {
  const { socket, answer, ended } = await openHttp(t, daemon.http);
  const size = 4 * 2 ** 20;
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  socket.pause();
  await new Promise<void>((resolve) => socket.write(post('small', { 'content-length': size }) + 'x'.repeat(size), () => resolve()));
  socket.resume();
  assert.equal((await answer()).status, 413);
  await ended;
  assert.deepEqual(errors, []);
});

test('a chunked body is cut at the limit', async (t) => {
  const { send, answer, ended, socket } = await openHttp(t, daemon.http);
  send(post('echo', { 'transfer-encoding': 'chunked' }));
  let cut = false;
  void ended.then(() => {
    cut = true;
  });
  // It goes on until it is stopped.
  const more = (): void => {
    while (!cut && socket.write(chunk(kibibyte)));
  };
  socket.on('drain', more);
  more();
  const { status, body } = await answer();
  // Which limit is met first is the budget's: it is the smaller one, but does not count an input that is alone.
  assert.equal(status, 413);
  assert.match(body, /the input has more than 2097152 bytes/);
  await ended;
});

test('a body that is not all there counts, and gives its bytes back', async (t) => {
  const slow = await openHttp(t, daemon.http);
  slow.send(post('echo', { 'content-length': 900 * 1024, 'dcf-request-id': 'slow' }) + kibibyte.repeat(899));
  const quick = async (): Promise<Response> =>
    await fetch(`${daemon.http}/functions/echo`, { method: 'POST', body: kibibyte.repeat(200), headers: { connection: 'close' } });
  let refused = await quick();
  await eventually('most of the slow body has come', async () => {
    if (refused.status !== 429) refused = await quick();
    return refused.status === 429;
  });
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.match(await refused.text(), /the daemon holds .* of calls in flight, and its limit is 1 MiB/);
  // What comes by gRPC shares the room.
  const request = invokeRequest({ function: 'echo', input: Buffer.from(kibibyte.repeat(200)) });
  const { code, details } = await rawClient(t, daemon.url).call('/dcf.v1.Functions/Invoke', request);
  assert.equal(code, 'RESOURCE_EXHAUSTED', details);
  slow.send(kibibyte);
  const whole = await slow.answer();
  assert.equal(whole.status, 200);
  assert.equal(whole.body.length, 900 * 1024);
  assert.equal((await quick()).status, 200);
});

test('a body that is cut off gives its bytes back', async (t) => {
  const { send, socket, ended } = await openHttp(t, daemon.http);
  const half = post('echo', { 'content-length': 900 * 1024 }) + kibibyte.repeat(500);
  send(half);
  socket.destroy();
  await ended;
  const all = async () =>
    await fetch(`${daemon.http}/functions/echo`, { method: 'POST', body: kibibyte.repeat(1024), headers: { connection: 'close' } });
  await eventually('there is room for as much as the budget has', async () => (await all()).status === 200);
});

test('who asks first is told to go on, or refused without having sent anything', async (t) => {
  const expect = '100-continue';
  const welcome = await openHttp(t, daemon.http);
  welcome.send(post('echo', { 'content-length': 5, expect }));
  assert.equal((await welcome.answer()).status, 100);
  welcome.send('hello');
  assert.equal((await welcome.answer()).body, 'hello');
  const refused: [name: string, headers: Record<string, string | number>, status: number][] = [
    ['echo', { 'content-length': 3 * 2 ** 20, expect }, 413],
    ['nobody', { 'content-length': 5, expect }, 404],
    ['echo', { 'content-length': 5, expect: 'a miracle' }, 417],
  ];
  for (const [name, headers, status] of refused) {
    const { send, answer } = await openHttp(t, daemon.http);
    send(post(name, headers));
    assert.equal((await answer()).status, status);
  }
});

test('a body that nobody wanted is not read as the next request', async (t) => {
  const { send, answer } = await openHttp(t, daemon.http);
  const inner = requestHead('GET /healthz');
  send(post('nobody', { 'content-length': inner.length }) + inner + requestHead('GET /elsewhere'));
  assert.equal((await answer()).status, 404);
  assert.match((await answer()).body, /nothing at \\"\/elsewhere/);
});

test('a client that leaves cancels its call: the Handler is told, and the slot is free when it ends', async (t) => {
  const { errors: before } = await summary('probe');
  const { connection, logs } = await startWaiting(t, 'left');
  connection.socket.destroy();
  assert.match((await logs.next()).value?.text ?? '', /^was aborted: the caller gave up/);
  await logs.return(undefined);
  await eventually('the slot is free', async () => (await daemon.control.describe('probe')).running === 0);
  assert.equal((await summary('probe')).errors, before + 1);
});

test('a client that says no more cancels its call, too, and its connection is gone', async (t) => {
  const { connection, logs } = await startWaiting(t, 'half-closed');
  connection.socket.end();
  assert.match((await logs.next()).value?.text ?? '', /^was aborted: the caller gave up/);
  await logs.return(undefined);
  await connection.ended;
});

test('a client that leaves takes its queued and its pipelined calls along', async (t) => {
  const { connection, logs } = await startWaiting(t, 'first');
  const other = await openHttp(t, daemon.http);
  const call = `${post('probe', { 'content-length': 4 })}wait`;
  connection.send(call.repeat(20));
  other.send(call);
  const queued = async (): Promise<number> => (await daemon.control.describe('probe')).queued;
  await eventually('all are queued', async () => (await queued()) === 21);
  other.socket.destroy();
  await eventually('the other is gone', async () => (await queued()) === 20);
  connection.socket.destroy();
  await eventually('all are gone', async () => (await queued()) === 0);
  await logs.return(undefined);
  await eventually('the slot is free', async () => (await daemon.control.describe('probe')).running === 0);
});

test('pipelined calls are answered in their order', async (t) => {
  const { send, answer } = await openHttp(t, daemon.http);
  send(Array.from({ length: 50 }, (_, index) => post('echo', { 'content-length': String(index).length }) + index).join(''));
  for (let index = 0; index < 50; index += 1) assert.equal((await answer()).body, String(index));
});

const rubbish: [what: string, text: string | Uint8Array][] = [
  ['no HTTP', 'hello?\r\n\r\n'],
  ['TLS', Buffer.from('16030100a5010000a10303', 'hex')],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['NUL bytes', Buffer.alloc(64)],
  ['a negative length', post('echo', { 'content-length': -1 })],
  ['two lengths', post('echo', { 'content-length': '5\r\nContent-Length: 6' })],
  ['a length and chunks', post('echo', { 'content-length': 5, 'transfer-encoding': 'chunked' })],
  ['a bad chunk', `${post('echo', { 'transfer-encoding': 'chunked' })}zz\r\n`],
  ['a broken header', 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nno colon\r\n\r\n'],
];
for (const [what, text] of rubbish) {
  test(`${what} is answered with 400 and JSON, and the connection ends`, async (t) => {
    const { send, answer, rest } = await openHttp(t, daemon.http);
    send(text);
    const { status, headers, body } = await answer();
    assert.equal(status, 400);
    assert.equal(headers['connection'], 'close');
    const { code, requestId } = JSON.parse(body);
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.equal(requestId, headers['dcf-request-id']);
    assert.equal(await rest(), '');
    await served();
  });
}

test('headers over the limit are 431', async (t) => {
  const { send, answer, ended } = await openHttp(t, daemon.http);
  send(requestHead('GET /healthz', { 'x-long': 'y'.repeat(20_000) }));
  assert.equal((await answer()).status, 431);
  await ended;
});

test('a transfer coding that is none of ours is 501', async (t) => {
  const { send, answer } = await openHttp(t, daemon.http);
  send(post('echo', { 'transfer-encoding': 'gzip, chunked' }));
  assert.equal((await answer()).status, 501);
});

test('rubbish behind a call that runs ends the connection without a word, and cancels the call', async (t) => {
  const { connection, logs } = await startWaiting(t, 'spoilt');
  connection.send('rubbish\r\n\r\n');
  assert.equal(await connection.rest(), '', 'an answer would be read as that of the call');
  assert.match((await logs.next()).value?.text ?? '', /^was aborted/);
  await logs.return(undefined);
});

test('CONNECT and an upgrade change nothing', async (t) => {
  const connect = await openHttp(t, daemon.http);
  connect.send('CONNECT example.org:443 HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await connect.ended;
  const upgrade = await openHttp(t, daemon.http);
  upgrade.send(requestHead('GET /healthz', { connection: 'upgrade', upgrade: 'websocket' }));
  assert.equal((await upgrade.answer()).status, 200);
});

test('HTTP/1.0 is served', async (t) => {
  const { send, answer, ended } = await openHttp(t, daemon.http);
  send('POST /functions/echo HTTP/1.0\r\ncontent-length: 2\r\n\r\nhi');
  assert.equal((await answer()).body, 'hi');
  await ended;
});

test('HTTP/0.9 is answered or ended', async (t) => {
  const { send, ended } = await openHttp(t, daemon.http);
  send('GET /healthz\r\n\r\n');
  await ended;
  await served();
});

test('a connection that stays silent is dropped', async (t) => {
  const { rest } = await openHttp(t, impatient.http);
  assert.equal(await rest(), '');
  await served(impatient);
});

const drips: [what: string, start: string][] = [
  ['head', 'POST /functions/echo HTTP/1.1\r\nx: '],
  ['body', post('echo', { 'content-length': 1_000 })],
  ['chunked body', `${post('echo', { 'transfer-encoding': 'chunked' })}3e8\r\n`],
];
for (const [what, start] of drips) {
  test(`a ${what} that drips is ended after --body-timeout with 408`, async (t) => {
    const { send, answer, ended, socket } = await openHttp(t, impatient.http);
    send(start);
    const dripping = setInterval(() => send('x'), 50);
    void ended.then(() => clearInterval(dripping));
    const { status, body } = await answer();
    assert.equal(status, 408);
    assert.equal(JSON.parse(body).code, 'DEADLINE_EXCEEDED');
    await ended;
    assert.ok(socket.destroyed);
    await served(impatient);
  });
}

test('a client that does not read its answer is dropped', async (t) => {
  const stuck = await startDaemon(t, { args: ['--max-connections', '1', '--body-timeout', '300ms'] });
  const size = 64 * 2 ** 20;
  await deploySource(t, stuck, 'large', `export class Handler { call() { return new Uint8Array(${size}); } }`);
  const { send, socket, rest } = await openHttp(t, stuck.http);
  socket.pause();
  send(post('large', { 'content-length': 0 }));
  // It has the only place; whoever comes is refused until it is gone.
  await eventually('its place is free', async () => {
    const response = await fetch(`${stuck.http}/healthz`, { headers: { connection: 'close' } }).catch(() => undefined);
    return response?.status === 200;
  });
  socket.resume();
  assert.ok((await rest()).length < size);
});

test('a connection over --max-connections is refused, and those that are there are served', async (t) => {
  const limited = await startDaemon(t, { args: ['--max-connections', '2', '--first-byte-timeout', '1h'] });
  const connections = [await openHttp(t, limited.http), await openHttp(t, limited.http)];
  for (const { send, answer } of connections) {
    send(requestHead('GET /healthz'));
    assert.equal((await answer()).status, 200);
  }
  const third = await openHttp(t, limited.http);
  assert.equal(await third.rest(), '');
  for (const { send, answer } of connections) {
    send(requestHead('GET /healthz'));
    assert.equal((await answer()).status, 200);
  }
});

test('without a token it does not listen for HTTP beyond loopback', async (t) => {
  const data = await temporaryDirectory(t);
  const { ended, log } = runDaemon(t, ['--data', data, '--grpc', '127.0.0.1:0', '--http', '0.0.0.0:0']);
  assert.equal(await ended, 2);
  assert.match(log(), /0\.0\.0\.0 can be reached from other machines, and the daemon has no token/);
});

test('an HTTP port in use is said, with the flag that chooses another', async (t) => {
  const data = await temporaryDirectory(t);
  const address = new URL(daemon.http).host;
  const { ended, log } = runDaemon(t, ['--data', data, '--grpc', '127.0.0.1:0', '--http', address]);
  assert.equal(await ended, 1);
  assert.match(log(), /dcfd: cannot listen on 127\.0\.0\.1:\d+: the port is in use.*--http HOST:PORT, or none with --http off/);
});

test('with --http off there is none', async (t) => {
  const off = await startDaemon(t, { environment: { DCF_HTTP: 'off' } });
  assert.equal((await off.control.info()).http, '');
  assert.doesNotMatch(off.log(), /serves HTTP/);
  assert.equal(`http://${(await daemon.control.info()).http}`, daemon.http);
});

test('nothing of all that was a mistake of the daemon', () => {
  for (const { log } of [daemon, impatient]) assert.doesNotMatch(log(), /made a mistake|failed in the daemon itself|Warning/);
});

async function summary(name: string): Promise<{ errors: number }> {
  const found = (await daemon.control.list()).find((entry) => entry.name === name);
  assert.ok(found !== undefined);
  return found;
}
