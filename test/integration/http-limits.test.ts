import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../support/cleanup.js';
import { runDaemon, startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { openHttp, requestHead } from '../support/http-client.js';
import { assertNoMistakes } from '../support/mistakes.js';
import { eventually } from '../support/processes.js';
import { invokeRequest, rawClient } from '../support/raw-client.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--max-bytes-in-flight', '1MiB'] });
await deploySource(owner, daemon, 'echo', echoSource, { limits: { payload: '2MiB' } });
await deploySource(owner, daemon, 'small', echoSource, { limits: { payload: '1KiB' } });

const kibibyte = 'x'.repeat(1024);
const post = (name: string, headers: Readonly<Record<string, string | number>>): string => requestHead(`POST /functions/${name}`, headers);

async function served(): Promise<void> {
  const response = await fetch(`${daemon.http}/functions/echo`, { method: 'POST', body: 'served', headers: { connection: 'close' } });
  assert.equal(await response.text(), 'served');
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
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
  assert.match(await refused.text(), /the inputs of calls in flight hold .*, and the limit is 1 MiB/);
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

test('pipelined calls are answered in their order', async (t) => {
  const { send, answer } = await openHttp(t, daemon.http);
  send(Array.from({ length: 50 }, (_, index) => post('echo', { 'content-length': String(index).length }) + index).join(''));
  for (let index = 0; index < 50; index += 1) assert.equal((await answer()).body, String(index));
});

test('a transfer coding that is none of ours is 501', async (t) => {
  const { send, answer } = await openHttp(t, daemon.http);
  send(post('echo', { 'transfer-encoding': 'gzip, chunked' }));
  assert.equal((await answer()).status, 501);
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
  assert.match(log(), /0\.0\.0\.0:0 can be reached from other machines, and the daemon has no token/);
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

test('nothing of all that was a mistake of the daemon', async () => {
  // Only then all that it has logged is here.
  await daemon.stop();
  assertNoMistakes(daemon.log());
});
