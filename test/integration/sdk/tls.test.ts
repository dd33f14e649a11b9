import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Client, type ClientOptions } from '@dcf/sdk';
import { ServerCredentials } from '@grpc/grpc-js';
import { refusal } from '../../support/refusal.js';
import { makeCertificate } from '../../support/sdk/certificate.js';
import { functionsService, startGrpc } from '../../support/sdk/servers.js';

const daemon = makeCertificate('daemon.test');
const caller = makeCertificate('caller.test');
const echo = functionsService(({ input }) => input);

function serverCredentials({ mutual }: { mutual: boolean }): ServerCredentials {
  return ServerCredentials.createSsl(mutual ? caller.cert : null, [{ private_key: daemon.key, cert_chain: daemon.cert }], mutual);
}

async function call(t: TestContext, url: string, options: ClientOptions): Promise<string> {
  const client = new Client(url, options);
  t.after(() => client.close());
  return Buffer.from((await client.invoke('echo', 'x', { timeout: '20s' })).output).toString();
}

// Together: what is refused is tried again for a while.
describe('a client and TLS', { concurrency: true }, () => {
  test('TLS with an authority of its own, by option or by URL, PEM as bytes or text', async (t) => {
    const url = await startGrpc(t, [echo], serverCredentials({ mutual: false }));
    assert.equal(await call(t, url, { tls: { ca: daemon.cert } }), 'x');
    assert.equal(await call(t, `https://${url}`, { tls: { ca: daemon.cert.toString() }, token: 't' }), 'x');
  });

  test('a name in the certificate that is not the URL’s', async (t) => {
    const url = await startGrpc(t, [echo], serverCredentials({ mutual: false }));
    assert.equal(await call(t, url, { tls: { ca: daemon.cert, servername: 'daemon.test' } }), 'x');
    const error = await refusal(call(t, url, { tls: { ca: daemon.cert, servername: 'other.test' } }));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /its certificate is not trusted \(.*other\.test/);
  });

  test('mutual TLS', async (t) => {
    const url = await startGrpc(t, [echo], serverCredentials({ mutual: true }));
    assert.equal(await call(t, url, { tls: { ca: daemon.cert, cert: caller.cert, key: caller.key } }), 'x');
    const error = await refusal(call(t, url, { tls: { ca: daemon.cert } }));
    assert.equal(error.code, 'UNAVAILABLE');
  });

  test('a certificate that nobody vouches for', async (t) => {
    const url = await startGrpc(t, [echo], serverCredentials({ mutual: false }));
    for (const error of [await refusal(call(t, url, { tls: true })), await refusal(call(t, `https://${url}`, {}))]) {
      assert.equal(error.code, 'UNAVAILABLE');
      assert.match(error.message, /its certificate is not trusted \(.+\)\. Name its authority in tls\.ca/);
    }
  });

  test('TLS to a plaintext daemon, and plaintext to one with TLS', async (t) => {
    const plain = await startGrpc(t, [echo]);
    const error = await refusal(call(t, plain, { tls: { ca: daemon.cert } }));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /what listens there does not speak TLS/);
    const secured = await startGrpc(t, [echo], serverCredentials({ mutual: false }));
    const closed = await refusal(call(t, secured, {}));
    assert.equal(closed.code, 'UNAVAILABLE');
    assert.match(closed.message, /ended the connection\. If it speaks TLS, write https/);
  });

  test('PEM that is none', async (t) => {
    const url = await startGrpc(t, [echo]);
    const error = await refusal(call(t, url, { tls: { cert: 'no', key: 'pem' } }));
    assert.equal(error.code, 'INVALID_ARGUMENT');
    assert.match(error.message, /^tls: a certificate or key cannot be read: /);
  });
});
