import assert from 'node:assert/strict';
import test from 'node:test';
import { Authenticator } from '../../../../src/gateway/auth.js';
import { Guard } from '../../../../src/gateway/http/http-guard.js';

const denied = { code: 'PERMISSION_DENIED' };

test('without a token, on loopback, only names of this machine lead here', () => {
  const guard = new Guard(new Authenticator(undefined), true);
  for (const host of [undefined, 'localhost', 'LOCALHOST:32223', 'a.localhost', '127.0.0.1:1', '[::1]:1', '[::1]', '10.0.0.1:80'])
    guard.check(host === undefined ? {} : { host });
  for (const host of ['', 'evil.example', 'evil.example:32223', 'localhost.evil.example', '127.0.0.1.evil.example', '127.0.0.1@evil'])
    assert.throws(() => guard.check({ host }), denied, host);
});

test('without a token no page in a browser gets in', () => {
  for (const loopback of [true, false]) {
    const guard = new Guard(new Authenticator(undefined), loopback);
    for (const origin of ['https://evil.example', 'null', 'http://localhost:32223', ''])
      assert.throws(() => guard.check({ host: 'localhost', origin }), denied);
  }
});

test('beyond loopback any name is right', () => {
  new Guard(new Authenticator(undefined), false).check({ host: 'gpu-host:32223' });
});

test('with a token it is the token that counts, and nothing else', () => {
  const guard = new Guard(new Authenticator('secret'), true);
  guard.check({ host: 'evil.example', origin: 'https://evil.example', authorization: 'Bearer secret' });
  assert.throws(() => guard.check({ host: 'localhost' }), { code: 'UNAUTHENTICATED' });
  assert.equal(guard.trusts({ authorization: 'Bearer secret' }), true);
  assert.equal(guard.trusts({ authorization: 'Bearer wrong' }), false);
});
