import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource } from '../support/functions.js';

const owner = { after };
const token = 'a-token-that-nobody-guesses';
const origin = 'https://a.example';
const args = ['--cors-origins', 'https://A.example, https://*.b.example'];
const guarded = await startDaemon(owner, { token, args });
const open = await startDaemon(owner, { args });
const closed = await startDaemon(owner);
const source = `export class Handler {
  call(request) {
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-credentials': 'true', vary: 'accept' };
    return request.text() === 'own' ? new Response('x', { headers }) : 'plain';
  }
}`;
for (const daemon of [guarded, open]) await deploySource(owner, daemon, 'page', source);

function ask({ http }: TestDaemon, method: string, headers: Record<string, string>, body?: string): Promise<Response> {
  return fetch(`${http}/functions/page`, { method, headers, ...(body === undefined ? {} : { body }) });
}

const question = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, dcf-timeout' };

test('a preflight is answered before the token is asked for', async () => {
  const response = await ask(guarded, 'OPTIONS', { origin, ...question });
  assert.equal(response.status, 204);
  assert.equal(response.headers.get('access-control-allow-origin'), origin);
  assert.equal(response.headers.get('access-control-allow-methods'), 'GET, HEAD, POST');
  assert.equal(response.headers.get('access-control-allow-headers'), 'authorization, dcf-timeout');
  assert.equal(response.headers.get('vary'), 'Origin');
});

test('a page of another origin is refused, and told which setting names it', async () => {
  for (const daemon of [guarded, open, closed]) {
    const response = await ask(daemon, 'OPTIONS', { origin: 'https://evil.example', ...question });
    assert.equal(response.status, 403);
    assert.equal(response.headers.get('access-control-allow-origin'), null);
    assert.match(await response.text(), /--cors-origins.*evil\.example/);
  }
  for (const daemon of [open, closed]) {
    const response = await ask(daemon, 'POST', { origin: 'https://evil.example' }, 'x');
    assert.equal(response.status, 403);
    assert.match(await response.text(), /--cors-origins/);
  }
});

test('a page may read answers, errors among them, and what they are told of the call', async () => {
  const authorization = `Bearer ${token}`;
  const answers = [
    await ask(guarded, 'POST', { origin, authorization }, 'x'),
    await ask(guarded, 'POST', { origin }, 'x'),
    await ask(open, 'POST', { origin: 'https://x.b.example' }, 'x'),
    await fetch(`${open.http}/functions/nobody`, { method: 'POST', headers: { origin } }),
    await fetch(`${open.http}/functions/%zz`, { method: 'POST', headers: { origin } }),
    await fetch(`${open.http}/readyz`, { headers: { origin } }),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 401, 200, 404, 400, 200],
  );
  for (const { headers } of answers) {
    assert.match(headers.get('access-control-allow-origin') ?? '', /^https:\/\/(a|x\.b)\.example$/);
    assert.match(headers.get('access-control-expose-headers') ?? '', /dcf-request-id/);
    assert.equal(headers.get('vary'), 'Origin');
  }
});

test('what a Handler chose opens nothing that the setting does not', async () => {
  const allowed = await ask(open, 'POST', { origin }, 'own');
  assert.equal(allowed.headers.get('access-control-allow-origin'), origin);
  assert.equal(allowed.headers.get('vary'), 'Origin, accept');
  const other = await ask(guarded, 'POST', { origin: 'https://evil.example', authorization: `Bearer ${token}` }, 'own');
  assert.equal(other.status, 200);
  assert.equal(other.headers.get('access-control-allow-origin'), null);
  assert.equal(other.headers.get('access-control-allow-credentials'), null);
});

test('who is no page sees nothing of it but what caches need', async () => {
  const response = await ask(open, 'POST', {}, 'x');
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('access-control-allow-origin'), null);
  assert.equal(response.headers.get('vary'), 'Origin');
  assert.equal((await ask(open, 'OPTIONS', {})).status, 405);
});
