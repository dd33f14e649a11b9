import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { openHttp, requestHead } from '../support/http-client.js';
import { assertNoMistakes } from '../support/mistakes.js';

const owner = { after };
const daemon = await startDaemon(owner);
await deploySource(owner, daemon, 'echo', echoSource);

/** What the daemon answers to a request whose line is sent as it is. */
async function ask(line: string, headers: Readonly<Record<string, string | number>> = {}, body = '') {
  const { send, answer, socket } = await openHttp(owner, daemon.http);
  send(
    requestHead(line, { ...(body === '' && !line.startsWith('POST') ? {} : { 'content-length': Buffer.byteLength(body) }), ...headers }) +
      body,
  );
  const found = await answer().finally(() => socket.destroy());
  return { ...found, code: found.body.startsWith('{') ? JSON.parse(found.body).code : undefined };
}

for (const path of [
  '/functions/echo',
  '/functions/%65cho',
  '/functions/ech%6F',
  '//functions/echo',
  '/functions//echo',
  '/functions/echo/',
  '/functions/echo?',
  '/functions/echo/?a',
  '/functions/echo?a=%zz&b',
  'http://localhost/functions/echo',
]) {
  test(`POST ${path} calls echo`, async () => {
    const { status, body } = await ask(`POST ${path}`, {}, 'hi');
    assert.equal(status, 200, body);
    assert.equal(body, 'hi');
  });
}

const refusals: [line: string, status: number, code: string][] = [
  ['POST /functions/Echo', 400, 'INVALID_ARGUMENT'],
  ['POST /functions/%C3%BC', 400, 'INVALID_ARGUMENT'],
  ['POST /functions/echo%2Fmore', 400, 'INVALID_ARGUMENT'],
  ['POST /functions/%2e%2e', 400, 'INVALID_ARGUMENT'],
  ['POST /functions/%', 400, 'INVALID_ARGUMENT'],
  ['POST /functions/echo%00', 400, 'INVALID_ARGUMENT'],
  ['POST /functions/', 405, 'UNIMPLEMENTED'],
  ['POST /functions/echo/more', 404, 'NOT_FOUND'],
  ['POST /Functions/echo', 404, 'NOT_FOUND'],
  ['POST /', 404, 'NOT_FOUND'],
  ['PUT /functions/echo', 405, 'UNIMPLEMENTED'],
  ['PATCH /functions/echo/', 405, 'UNIMPLEMENTED'],
  ['DELETE //functions/echo', 405, 'UNIMPLEMENTED'],
  ['OPTIONS /functions/echo', 405, 'UNIMPLEMENTED'],
  ['OPTIONS *', 404, 'NOT_FOUND'],
  ['POST /healthz', 405, 'UNIMPLEMENTED'],
];
for (const [line, status, code] of refusals) {
  test(`${line} is ${status} ${code}`, async () => {
    const found = await ask(line);
    assert.equal(found.status, status, found.body);
    assert.equal(found.code, code);
    assert.equal(found.headers['allow'] !== undefined, status === 405);
    assert.match(found.headers['content-type'] ?? '', /^application\/json/);
  });
}

test('what a client says of what it takes and sends changes nothing of the bytes', async () => {
  for (const headers of [
    { accept: 'text/html' },
    { accept: '' },
    { 'accept-encoding': 'gzip, br' },
    { 'content-type': 'application/json; charset=latin1' },
    { 'content-type': '' },
    { 'content-encoding': 'identity' },
    { 'if-none-match': '*' },
    { range: 'bytes=0-0' },
  ]) {
    const { status, body, headers: answered } = await ask('POST /functions/echo', headers, 'hi');
    assert.equal(status, 200, JSON.stringify(headers));
    assert.equal(body, 'hi');
    assert.equal(answered['content-encoding'], undefined);
    assert.equal(answered['content-type'], 'application/octet-stream');
  }
});

test('an empty body is an empty input, however it is empty', async (t) => {
  for (const request of [
    requestHead('POST /functions/echo', { 'content-length': 0 }),
    `${requestHead('POST /functions/echo', { 'transfer-encoding': 'chunked' })}0\r\n\r\n`,
    requestHead('POST /functions/echo'),
  ]) {
    const { send, answer } = await openHttp(t, daemon.http);
    send(request);
    const { status, body } = await answer();
    assert.deepEqual([status, body], [200, ''], request);
  }
});

test('a compressed body is refused, and what would be taken is said', async () => {
  for (const encoding of ['gzip', 'br', 'zstd', 'deflate', 'x-gzip', 'gzip, identity']) {
    const found = await ask('POST /functions/echo', { 'content-encoding': encoding }, 'hi');
    assert.equal(found.status, 415, encoding);
    assert.equal(found.headers['accept-encoding'], 'identity');
  }
});

test('a head over 16 KiB is 431, and one just below it is taken', async () => {
  assert.equal((await ask('POST /functions/echo', { 'x-long': 'x'.repeat(15_000) }, 'hi')).status, 200);
  assert.equal((await ask('POST /functions/echo', { 'x-long': 'x'.repeat(17_000) }, 'hi')).status, 431);
  assert.equal((await ask(`POST /functions/echo?${'x'.repeat(17_000)}`)).status, 431);
});

test('nothing of all that was a mistake of the daemon', async () => {
  await daemon.stop();
  assertNoMistakes(daemon.log());
});
