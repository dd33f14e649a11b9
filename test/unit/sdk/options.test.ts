import assert from 'node:assert/strict';
import test from 'node:test';
import { Client, DcfError } from '@dcf/sdk';
import { ControlClient } from '@dcf/sdk/control';
import { refusal } from '../../support/refusal.js';
import { functionsService, startGrpc } from '../../support/sdk/servers.js';

function refusedUrl(url: string): string {
  try {
    new Client(url).close();
  } catch (error) {
    assert.ok(DcfError.is(error), String(error));
    assert.equal(error.code, 'INVALID_ARGUMENT');
    return error.message;
  }
  return assert.fail(`${url} was taken`);
}

test('URLs that are taken', async (t) => {
  const url = await startGrpc(t, [functionsService(({ input }) => input)]);
  const port = url.split(':')[1];
  for (const written of [url, `localhost:${port}`, `dcf://${url}`, `http://localhost:${port}/`, `dcf://${url}/`]) {
    const client = new Client(written);
    const { output } = await client.invoke('echo', written);
    assert.equal(Buffer.from(output).toString(), written);
    client.close();
  }
});

test('the port is 32222 where there is none, and IPv6 stands in brackets', async (t) => {
  const cases = [
    ['nosuchhost.invalid', 'nosuchhost.invalid:32222'],
    ['https://nosuchhost.invalid', 'nosuchhost.invalid:32222'],
    ['dcf://nosuchhost.invalid:5', 'nosuchhost.invalid:5'],
    ['[::1]:9', '[::1]:9'],
  ] as const;
  const tried = cases.map(async ([written, shown]) => {
    const client = new Client(written);
    t.after(() => client.close());
    const { message } = await refusal(client.invoke('f', '', { timeout: 500 }));
    assert.ok(message.startsWith(`no DCF daemon answers at ${shown}: `), message);
  });
  await Promise.all(tried);
});

test('URLs that are none say what to write', () => {
  assert.equal(refusedUrl(''), '"" is not a URL of a DCF daemon: write HOST:PORT, such as localhost:32222');
  assert.match(refusedUrl('::1'), /write \[::1\]:32222$/);
  assert.match(refusedUrl('ftp://host:1'), /the scheme ftp is not known: use dcf, http or https$/);
  assert.match(refusedUrl('[::g]:1'), /\[::g\] is not an IPv6 address$/);
  for (const port of ['0', '65536', '99999']) assert.match(refusedUrl(`host:${port}`), /a port is a number from 1 to 65535$/);
  for (const url of ['host:', 'host:x', 'host:1/path', 'host:1?q', 'a b', 'user@host:1', 'http://', 'host:123456', '\ud800'])
    refusedUrl(url);
});

test('the URL of a Unix socket has an absolute path that the system takes, and no TLS', () => {
  for (const url of ['unix:/run/dcf.sock', 'unix:///run/dcf.sock', `unix:/${'x'.repeat(106)}`]) new Client(url).close();
  for (const url of ['unix:', 'unix:dcf.sock', 'unix:/', 'unix://run/dcf.sock', 'unix:/a b', 'unix:/a\0b', 'unix-abstract:dcf'])
    assert.match(refusedUrl(url), /write unix:\/PATH, an absolute path without blanks, such as unix:\/run\/dcf\/dcf\.sock$/);
  assert.match(refusedUrl(`unix:/${'ü'.repeat(53)}x`), /its path has 108 bytes, and a Unix socket's has at most 107$/);
  for (const tls of [true, {}] as const)
    assert.throws(() => new Client('unix:/run/dcf.sock', { tls }), {
      code: 'INVALID_ARGUMENT',
      message: 'unix:/run/dcf.sock is a Unix socket, which has no TLS: leave tls out',
    });
});

test('options that cannot be right are refused before anything is sent', async (t) => {
  let calls = 0;
  const url = await startGrpc(t, [
    functionsService(({ input }) => {
      calls += 1;
      return input;
    }),
  ]);
  for (const timeout of [0, -1, Number.NaN, '5', 'soon', '0s']) {
    assert.throws(() => new Client(url, { timeout }), { code: 'INVALID_ARGUMENT', message: /^the timeout is / });
    assert.throws(() => new ControlClient(url, { timeout }), { code: 'INVALID_ARGUMENT' });
  }
  for (const maxPayload of [0, -1, 1.5, 'much']) {
    assert.throws(() => new Client(url, { maxPayload }), { code: 'INVALID_ARGUMENT', message: /^maxPayload is / });
  }
  assert.throws(() => new Client(url, { tls: { cert: 'x' } }), { code: 'INVALID_ARGUMENT', message: /belong together/ });
  assert.throws(() => new Client(`http://${url}`, { tls: true }), {
    code: 'INVALID_ARGUMENT',
    message: /the URL says http, but tls is given/,
  });
  const client = new Client(url);
  t.after(() => client.close());
  for (const [options, message] of [
    [{ timeout: '1 s' }, /^the timeout is "1 s"/],
    [{ alias: 'pröd' }, /^the alias must be printable ASCII/],
    [{ requestId: ' x' }, /^the requestId must be printable ASCII that does not begin or end with a space$/],
    [{ requestId: 'a\nb' }, /^the requestId must/],
    [{ metadata: { 'a b': 'x' } }, /^metadata\["a b"\] has a key with a character that is not allowed/],
    [{ metadata: { trace: '\ud800' } }, /^metadata\["trace"\] must be printable ASCII/],
    [{ metadata: { 'trace-bin': 'x' } }, /ends with -bin/],
    [{ metadata: { Authorization: 'x' } }, /^metadata\["Authorization"\] has a reserved key/],
    [{ metadata: { 'grpc-timeout': '1S' } }, /reserved key/],
    [{ metadata: { 'dcf-alias': 'x' } }, /reserved key/],
    [{ metadata: { connection: 'close' } }, /reserved key/],
    [{ metadata: { big: 'x'.repeat(40_000) } }, /^the metadata has 40003 bytes; at most 32768 are allowed/],
  ] as const) {
    const error = await refusal(client.invoke('f', 'x', options));
    assert.equal(error.code, 'INVALID_ARGUMENT');
    assert.match(error.message, message);
  }
  assert.equal(calls, 0);
  await client.invoke('f', 'x', { metadata: { big: 'x'.repeat(30_000), empty: '' } });
  assert.equal(calls, 1);
});

test('a token that HTTP cannot carry is refused without being shown', () => {
  assert.throws(
    () => new ControlClient('localhost', { token: 'geheim\n' }),
    (error) => {
      assert.ok(DcfError.is(error));
      return error.code === 'INVALID_ARGUMENT' && !error.message.includes('geheim');
    },
  );
});
