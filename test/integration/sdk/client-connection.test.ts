import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ServerCredentials } from '@grpc/grpc-js';
import { refusal } from '../../support/refusal.js';
import { clientFor, functionsService, healthService, startGrpc, startHttp2, startTcp, unusedAddress } from '../../support/sdk/servers.js';

const echo = functionsService(({ input }) => input);

// Together: most of them wait while the client tries again.
describe('a client and what it connects to', { concurrency: true }, () => {
  test('nobody listens: the call fails soon, in words that say what to do', async (t) => {
    const url = await unusedAddress();
    const begun = performance.now();
    const error = await refusal(clientFor(t, url).invoke('f', 'x', { timeout: '10m' }));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.equal(error.message, `no DCF daemon answers at ${url}: connection refused. Start one with dcfd, or set DCF_URL`);
    assert.ok(performance.now() - begun < 60_000, 'it waited for the timeout');
  });

  test('a timeout shorter than the tries ends them', async (t) => {
    const { message } = await refusal(clientFor(t, await unusedAddress()).invoke('f', 'x', { timeout: 100 }));
    assert.match(message, /^no DCF daemon answers at /);
  });

  test('a host that nobody knows', async (t) => {
    const error = await refusal(clientFor(t, 'nosuchhost.invalid').invoke('f', 'x'));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /^no DCF daemon answers at nosuchhost\.invalid:32222: the host name is not known\. Start one/);
  });

  test('a server that says nothing: the timeout ends it, and the message says that there was no connection', async (t) => {
    const url = await startTcp(t, () => undefined);
    const error = await refusal(clientFor(t, url).invoke('f', 'x', { timeout: 200 }));
    assert.equal(error.code, 'DEADLINE_EXCEEDED');
    assert.match(error.message, /^no DCF daemon answers at .*: no connection within 200 ms/);
  });

  test('a web server in the place of a daemon', async (t) => {
    const url = await startTcp(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
    const error = await refusal(clientFor(t, url).invoke('f', 'x'));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /what listens there does not speak gRPC/);
  });

  test('waitForReady waits for a daemon that comes later', async (t) => {
    const url = await unusedAddress();
    const client = clientFor(t, url);
    const call = client.invoke('echo', 'x', { waitForReady: true });
    // Others have given up by then.
    assert.equal((await refusal(client.invoke('echo', 'x'))).code, 'UNAVAILABLE');
    await startGrpc(t, [echo], ServerCredentials.createInsecure(), url);
    assert.equal(Buffer.from((await call).output).toString(), 'x');
  });

  test('a client outlives a restart of its daemon', async (t) => {
    const url = await unusedAddress();
    const client = clientFor(t, url);
    for (let life = 0; life < 3; life++) {
      await t.test(`life ${life}`, async (inner) => {
        await startGrpc(inner, [echo], ServerCredentials.createInsecure(), url);
        // A call at the moment of the restart may be lost with the old connection; a health check is tried again.
        await client.ready();
        assert.equal(Buffer.from((await client.invoke('echo', String(life))).output).toString(), String(life));
      });
    }
  });

  test('ready waits for the daemon and for its health', async (t) => {
    const url = await unusedAddress();
    let checks = 0;
    const ready = clientFor(t, url).ready();
    await startGrpc(t, [healthService(() => ++checks > 2)], ServerCredentials.createInsecure(), url);
    await ready;
    assert.equal(checks, 3);
  });

  test('ready: a daemon that never is, one without a health service, one whose connections break', async (t) => {
    const never = await startGrpc(t, [healthService(() => false)]);
    const error = await refusal(clientFor(t, never).ready({ timeout: '2s' }));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /answers, but takes no calls yet/);

    await clientFor(t, await startGrpc(t, [echo])).ready();

    const breaking = await startHttp2(t, ({ stream, number, socket }) => {
      if (number === 1) socket.destroy();
      else {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
      }
    });
    await clientFor(t, breaking).ready();
  });

  test('ready: when the time is up, the message is of what the daemon said before', async (t) => {
    let checks = 0;
    const url = await startGrpc(t, [healthService(() => (++checks === 1 ? false : undefined))]);
    const error = await refusal(clientFor(t, url).ready({ timeout: '2s' }));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /answers, but takes no calls yet/);
    assert.equal(checks, 2);
  });

  test('ready: nobody there, and abort', async (t) => {
    const url = await unusedAddress();
    const error = await refusal(clientFor(t, url).ready({ timeout: '2s' }));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /connection refused/);
    const controller = new AbortController();
    const waiting = clientFor(t, url).ready({ signal: controller.signal });
    setImmediate(() => controller.abort());
    assert.equal((await refusal(waiting)).code, 'CANCELLED');
  });

  test('details that are no text, and very long ones', async (t) => {
    const long = 'x'.repeat(30_000);
    const url = await startHttp2(t, ({ stream, number }) => {
      const message = number === 1 ? '%ED%A0%80 %zz' : long;
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '9', 'grpc-message': message },
        { endStream: true },
      );
    });
    const client = clientFor(t, url);
    const odd = await refusal(client.invoke('f', 'x'));
    assert.deepEqual([odd.code, odd.message], ['FAILED_PRECONDITION', '%ED%A0%80 %zz']);
    const { code, message } = await refusal(client.invoke('f', 'x'));
    assert.deepEqual([code, message], ['FAILED_PRECONDITION', long]);
  });

  test('details longer than HTTP/2 headers may be end the call, with whatever words', async (t) => {
    const url = await startHttp2(t, ({ stream }) => {
      const message = 'x'.repeat(1_000_000);
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '9', 'grpc-message': message },
        { endStream: true },
      );
    });
    await refusal(clientFor(t, url).invoke('f', 'x', { timeout: '2s' }));
  });

  test('a reply that is no message', async (t) => {
    const url = await startHttp2(t, ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 10, 99]));
    });
    const error = await refusal(clientFor(t, url).invoke('f', 'x'));
    assert.equal(error.code, 'INTERNAL');
    assert.match(error.message, /^the daemon's reply cannot be read: /);
  });

  test('maxPayload: the input is refused before it is sent, the output when it comes', async (t) => {
    const url = await startGrpc(t, [functionsService(({ input }) => Buffer.concat(Array(input.length > 1000 ? 1000 : 2).fill(input)))]);
    const client = clientFor(t, url, { maxPayload: '1KiB' });
    assert.equal((await client.invoke('f', Buffer.alloc(512))).output.length, 1024);
    const input = await refusal(client.invoke('f', Buffer.alloc(1025)));
    assert.deepEqual(
      [input.code, input.message],
      ['RESOURCE_EXHAUSTED', "the input has 1025 bytes, but the client's maxPayload is 1024 (1 KiB)"],
    );
    // The second is so long that gRPC itself does not take it.
    for (const bytes of [513, 1024]) {
      const output = await refusal(client.invoke('f', Buffer.alloc(bytes)));
      assert.equal(output.code, 'RESOURCE_EXHAUSTED');
      assert.match(output.message, /^the output .*maxPayload/);
    }
  });
});
