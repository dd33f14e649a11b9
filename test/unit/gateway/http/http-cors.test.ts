import assert from 'node:assert/strict';
import test from 'node:test';
import { Authenticator } from '../../../../src/gateway/auth.js';
import { Cors, isPreflight } from '../../../../src/gateway/http/http-cors.js';
import { Guard } from '../../../../src/gateway/http/http-guard.js';

const named = new Cors(['https://a.example', 'https://*.b.example', 'http://localhost:3000', 'http://*.c.example:8080']);

test('an origin is allowed whole: scheme, host and port; a star stands for names below, and not for the name itself', () => {
  for (const origin of [
    'https://a.example',
    'https://x.b.example',
    'https://x.y.b.example',
    'http://localhost:3000',
    'http://d.c.example:8080',
  ])
    assert.equal(named.allows(origin), true, origin);
  for (const origin of [
    'http://a.example',
    'https://a.example:8443',
    'https://a.example.evil.example',
    'https://evil-a.example',
    'https://b.example',
    'https://evilb.example',
    'https://x.b.example.evil.example',
    'https://evil.example/.b.example',
    'https://evil.example#.b.example',
    'https://x@.b.example',
    'https://.b.example',
    'https://xxb.example',
    'https://x.bzexample',
    'https://*.b.example',
    'http://d.c.example',
    'null',
    '',
    '*',
  ])
    assert.equal(named.allows(origin), false, origin);
});

test('answers to a named origin name it and let credentials go along; a star never does', () => {
  const allowed = named.headersFor({ origin: 'https://a.example' });
  assert.equal(allowed['access-control-allow-origin'], 'https://a.example');
  assert.equal(allowed['access-control-allow-credentials'], 'true');
  assert.match(allowed['access-control-expose-headers'] ?? '', /dcf-request-id, dcf-report/);
  assert.equal(allowed['vary'], 'Origin');
  for (const headers of [{}, { origin: 'https://evil.example' }]) assert.deepEqual(named.headersFor(headers), { vary: 'Origin' });
  const all = new Cors(['*']).headersFor({ origin: 'null' });
  assert.equal(all['access-control-allow-origin'], '*');
  assert.equal(all['access-control-allow-credentials'], undefined);
  assert.deepEqual(new Cors(['*']).headersFor({}), {}, 'who is no page asks for none');
});

test('a preflight is told what it asked for, as far as that is a list of names', () => {
  const ask = (names: string) => named.preflightHeaders({ 'access-control-request-headers': names })['access-control-allow-headers'];
  assert.equal(ask('authorization,dcf-meta-user'), 'authorization,dcf-meta-user');
  assert.equal(ask('a\u00e9'), undefined);
  const nothing = { 'access-control-allow-methods': 'GET, HEAD, POST', 'access-control-max-age': '7200' };
  assert.deepEqual(named.preflightHeaders({}), nothing);
  assert.deepEqual(named.preflightHeaders({ 'access-control-request-headers': '' }), nothing);
  const fromFar = (value: string) => named.preflightHeaders({ 'access-control-request-private-network': value });
  assert.deepEqual(fromFar('true'), { ...nothing, 'access-control-allow-private-network': 'true' });
  assert.deepEqual(fromFar('false'), nothing);
  assert.equal(isPreflight({ origin: 'https://a.example', 'access-control-request-method': 'POST' }), true);
  assert.equal(isPreflight({ origin: 'https://a.example' }), false);
});

test('without a token only pages get in whose origin is named, and never by a stranger’s name for this host', () => {
  const guard = new Guard(new Authenticator(undefined), true, named);
  guard.check({ host: 'localhost', origin: 'https://a.example' });
  const refused = { code: 'PERMISSION_DENIED', message: /--cors-origins/ };
  assert.throws(() => guard.check({ host: 'localhost', origin: 'https://evil.example' }), refused);
  assert.throws(
    () => new Guard(new Authenticator(undefined), true, new Cors(['*'])).check({ host: 'evil.example', origin: 'http://evil.example' }),
    {
      code: 'PERMISSION_DENIED',
      message: /localhost or an IP address as its host name, not "evil\.example"/,
    },
  );
});
