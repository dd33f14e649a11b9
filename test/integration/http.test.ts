import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { openHttp, requestHead } from '../support/http-client.js';
import { misbehavingSource } from '../support/misbehaving.js';
import { assertNoMistakes } from '../support/mistakes.js';
import { eventually } from '../support/processes.js';
import { runCli } from '../support/programs.js';

const owner = { after };
const token = 'a-token-that-nobody-guesses';
const daemon = await startDaemon(owner, { args: ['--kill-grace', '100ms'] });
const guarded = await startDaemon(owner, { token });
const { revision } = await deploySource(owner, daemon, 'echo', echoSource, { concurrency: 8 });
const headSource = `export class Handler {
  call({ id, metadata, deadline }) { return { id, metadata, left: deadline.getTime() - Date.now() }; }
}`;
await deploySource(owner, daemon, 'head', headSource);

interface Answer {
  status: number;
  headers: Headers;
  body: Buffer;
}

async function send(path: string, { daemon: to = daemon, ...init }: RequestInit & { daemon?: TestDaemon } = {}): Promise<Answer> {
  const response = await fetch(to.http + path, init);
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

async function call(name: string, input: string | Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  return await send(`/functions/${name}`, { method: 'POST', body: Buffer.from(input), headers });
}

/** An answer's JSON document. Its keys are checked where they matter. */
function json({ body, headers }: Answer): Record<string, unknown> {
  assert.match(headers.get('content-type') ?? '', /^application\/json/);
  return JSON.parse(body.toString());
}

const inputs: [string, Uint8Array][] = [
  ['text', Buffer.from('Grüße, 世界')],
  ['no bytes', Buffer.alloc(0)],
  ['every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ['1 MiB', randomBytes(2 ** 20)],
  ['64 MiB, the default limit', Buffer.alloc(64 * 2 ** 20, randomBytes(4096))],
];
for (const [what, input] of inputs) {
  test(`a call answers ${what} unchanged`, async () => {
    const { status, headers, body } = await call('echo', input);
    assert.equal(status, 200);
    assert.ok(body.equals(input));
    assert.equal(headers.get('content-type'), 'application/octet-stream');
    assert.equal(headers.get('content-length'), String(input.length));
  });
}

test('many calls at once, of several sizes, get each its own answer', async () => {
  const sizes = Array.from({ length: 64 }, (_, index) => (index % 4 === 0 ? 300_000 + index : index));
  await Promise.all(
    sizes.map(async (size) => {
      const input = randomBytes(size);
      assert.ok((await call('echo', input)).body.equals(input));
    }),
  );
});

for (const type of [
  'application/json',
  'text/plain',
  'multipart/form-data; boundary=x',
  'no type at all',
  'application/x-www-form-urlencoded',
]) {
  test(`the bytes are the input, whatever the content type: ${type}`, async () => {
    const { status, body } = await call('echo', '{"not": json', { 'content-type': type });
    assert.equal(status, 200);
    assert.equal(body.toString(), '{"not": json');
  });
}

test('metadata, id and timeout reach the Handler, and nothing else of the head', async () => {
  const headers = { 'dcf-meta-User': 'Ada', 'dcf-meta-trace': '7', 'dcf-request-id': 'my-id', 'dcf-timeout': '5s', cookie: 'a=b' };
  const answer = await call('head', '', headers);
  const { id, metadata, left } = JSON.parse(answer.body.toString());
  assert.deepEqual({ id, metadata }, { id: 'my-id', metadata: { user: 'Ada', trace: '7' } });
  assert.ok(left > 0 && left <= 5_000, String(left));
  assert.equal(answer.headers.get('dcf-request-id'), 'my-id');
  const other = await call('head', '', { 'dcf-timeout-ms': '2500' });
  assert.ok(JSON.parse(other.body.toString()).left <= 2_500);
});

test('a call without an id is given one, which is answered and differs', async () => {
  const ids = await Promise.all([call('head', ''), call('head', ''), call('nobody', '')]);
  const told = ids.map(({ headers }) => headers.get('dcf-request-id'));
  assert.equal(new Set(told).size, 3);
  assert.equal(JSON.parse(ids[0].body.toString()).id, told[0]);
  assert.equal(json(ids[2])['requestId'], told[2]);
});

test('a revision may be named, by the URL or by the header; another is not there', async () => {
  assert.equal((await send(`/functions/echo?revision=${revision}`, { method: 'POST' })).status, 200);
  assert.equal((await call('echo', '', { 'dcf-alias': revision })).status, 200);
  assert.equal((await send('/functions/echo?revision=0123456789abcdef', { method: 'POST' })).status, 404);
  assert.equal((await call('echo', '', { 'dcf-alias': 'canary' })).status, 404);
});

const refused: [what: string, answer: () => Promise<Answer>, status: number, code: string, message: RegExp][] = [
  ['no such function', () => call('nobody', 'x'), 404, 'NOT_FOUND', /^there is no function nobody$/],
  ['a bad name', () => call('UPPER', 'x'), 400, 'INVALID_ARGUMENT', /"UPPER" is not a valid function name/],
  ['a name that is too long', () => call('a'.repeat(1_000), 'x'), 400, 'INVALID_ARGUMENT', /up to 63 lower-case letters/],
  ['a URL with a bad code', () => call('%zz', 'x'), 400, 'INVALID_ARGUMENT', /malformed URL: invalid percent-encoding/],
  [
    'a revision twice',
    () => send('/functions/echo?revision=a&revision=b', { method: 'POST' }),
    400,
    'INVALID_ARGUMENT',
    /more than one revision=/,
  ],
  ['a bad id', () => call('echo', 'x', { 'dcf-request-id': 'two words' }), 400, 'INVALID_ARGUMENT', /dcf-request-id must be 1 to 128/],
  [
    'a bad timeout',
    () => call('echo', 'x', { 'dcf-timeout': '5' }),
    400,
    'INVALID_ARGUMENT',
    /^dcf-timeout: "5" is not a timeout; write it as/,
  ],
  ['bad milliseconds', () => call('echo', 'x', { 'dcf-timeout-ms': '-5' }), 400, 'INVALID_ARGUMENT', /^dcf-timeout-ms: "-5"/],
  ['gzip', () => call('echo', 'x', { 'content-encoding': 'gzip' }), 415, 'INVALID_ARGUMENT', /content-encoding: "gzip" is not supported/],
  ['an unknown path', () => send('/functions/echo/more'), 404, 'NOT_FOUND', /nothing at "\/functions\/echo\/more"; a call is POST/],
  [
    'a wrong method',
    () => send('/functions/echo', { method: 'DELETE' }),
    405,
    'UNIMPLEMENTED',
    /DELETE is not allowed for.*GET, HEAD, POST/,
  ],
  ['a method that nobody knows', () => send('/x', { method: 'PROPFIND' }), 404, 'NOT_FOUND', /nothing at/],
  ['a page in a browser', () => call('echo', 'x', { origin: 'https://example.org' }), 403, 'PERMISSION_DENIED', /pages in a browser/],
];
for (const [what, answer, status, code, message] of refused) {
  test(`${what} is ${status} ${code}`, async () => {
    const found = await answer();
    const body = json(found);
    assert.equal(found.status, status);
    assert.equal(body['code'], code);
    assert.match(String(body['message']), message);
    assert.equal(body['requestId'], found.headers.get('dcf-request-id'));
    assert.equal(found.headers.get('dcf-not-started'), null);
  });
}

test('a wrong method says which are right', async () => {
  assert.equal((await send('/functions/echo', { method: 'PUT', body: 'x' })).headers.get('allow'), 'GET, HEAD, POST');
  assert.equal((await send('/healthz', { method: 'POST', body: 'x' })).headers.get('allow'), 'GET, HEAD');
});

test('a function whose replicas keep ending is 503, certainly not started, and says when to come back', async (t) => {
  await deploySource(t, daemon, 'fragile', misbehavingSource);
  let last = await call('fragile', 'exit');
  await eventually('the back-off is long enough to be told of', async () => {
    last = await call('fragile', 'exit');
    return last.status === 503;
  });
  assert.equal(json(last)['code'], 'UNAVAILABLE');
  assert.equal(last.headers.get('dcf-not-started'), '1');
  assert.ok(Number(last.headers.get('retry-after')) >= 1);
});

test('list and description are those of the command line', async () => {
  // Between two looks a replica may end, or use more memory.
  const tellTheSame = async (path: string, command: string[]): Promise<boolean> =>
    isDeepStrictEqual(json(await send(path)), JSON.parse((await runCli(command, { url: daemon.url })).stdout));
  await eventually('both list the same', () => tellTheSame('/functions', ['list', '--json']));
  await eventually('both describe the same', () => tellTheSame('/functions/echo', ['describe', 'echo', '--json']));
  assert.equal((await send('/functions/nobody')).status, 404);
});

test('HEAD is GET without the body', async () => {
  for (const path of ['/healthz', '/functions', '/functions/echo', '/functions/nobody']) {
    const [get, head] = [await send(path), await send(path, { method: 'HEAD' })];
    assert.equal(head.status, get.status, path);
    assert.equal(head.headers.get('content-length'), get.headers.get('content-length'), path);
    assert.equal(head.body.length, 0);
  }
});

test('a name that leads here from elsewhere is refused where there is no token', async (t) => {
  for (const [host, status] of Object.entries({
    'evil.example:80': 403,
    'localhost:1': 200,
    'a.localhost': 200,
    '127.0.0.1': 200,
    '[::1]:80': 200,
  })) {
    const connection = await openHttp(t, daemon.http);
    connection.send(requestHead('GET /functions', { host }));
    assert.equal((await connection.answer()).status, status, host);
  }
});

test('everything but health wants the token, and without it readiness names nobody', async () => {
  const paths: [string, string][] = [
    ['GET', '/functions'],
    ['GET', '/functions/echo'],
    ['POST', '/functions/echo'],
    ['GET', '/elsewhere'],
  ];
  for (const [method, path] of paths) {
    for (const authorization of [undefined, 'Bearer wrong', token, `Basic ${token}`, 'Bearer ']) {
      const answer = await send(path, { daemon: guarded, method, headers: authorization === undefined ? {} : { authorization } });
      assert.equal(answer.status, 401, `${method} ${path} with ${authorization}`);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
      assert.ok(!answer.body.includes(token));
    }
  }
  assert.equal((await send('/healthz', { daemon: guarded })).status, 200);
  assert.deepEqual(json(await send('/readyz', { daemon: guarded })), { ready: true, draining: false });
  const headers = { authorization: `Bearer ${token}` };
  assert.deepEqual(json(await send('/readyz', { daemon: guarded, headers })), { ready: true, draining: false, notReady: [] });
  await deploySource(owner, guarded, 'head', headSource);
  const answer = await send('/functions/head', { daemon: guarded, method: 'POST', headers: { ...headers, origin: 'https://example.org' } });
  assert.equal(answer.status, 200, 'who shows the token may be a page');
  assert.ok(!answer.body.includes(token));
  assert.ok(!guarded.log().includes(token));
});

test('nothing of all that was a mistake of the daemon', async () => {
  // Only then all that it has logged is here.
  await Promise.all([daemon.stop(), guarded.stop()]);
  for (const { log } of [daemon, guarded]) assertNoMistakes(log());
});
