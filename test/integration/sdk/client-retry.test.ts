import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { constants } from 'node:http2';
import { describe, type TestContext, test } from 'node:test';
import { type Client, DcfError } from '@dcf/sdk';
import { status } from '@grpc/grpc-js';
import { refusal } from '../../support/refusal.js';
import { answerOk, clientFor, functionsService, type Refusal, startGrpc, startHttp2, startTcp } from '../../support/sdk/servers.js';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

/** A daemon that answers with `refusals` in turn and then with 'done'; `calls` counts what came. */
async function daemonWith(t: TestContext, refusals: readonly Refusal[]): Promise<{ client: Client; calls(): number }> {
  let calls = 0;
  const url = await startGrpc(t, [functionsService(() => refusals[calls++] ?? Buffer.from('done'))]);
  return { client: clientFor(t, url), calls: () => calls };
}

const notStarted: Refusal = { code: status.UNAVAILABLE, details: 'f is being stopped', trailers: { 'dcf-not-started': '1' } };

// Together: most of them wait between two tries.
describe('a client that tries again', { concurrency: true }, () => {
  test('what the daemon did not start is tried again until it works', async (t) => {
    const { client, calls } = await daemonWith(t, [notStarted, notStarted]);
    const { output, report } = await client.invoke('f', 'x');
    assert.equal(Buffer.from(output).toString(), 'done');
    assert.equal(report.attempts, 3);
    assert.equal(calls(), 3);
  });

  test('a push-back is waited for', async (t) => {
    const pushedBack = { ...notStarted, trailers: { 'dcf-not-started': '1', 'grpc-retry-pushback-ms': '400' } };
    const { client } = await daemonWith(t, [pushedBack]);
    const { report } = await client.invoke('f', 'x');
    assert.equal(report.attempts, 2);
    assert.ok(report.totalMs >= 395, `${report.totalMs} ms`);
  });

  test('a full queue is tried again when the daemon says when, otherwise not', async (t) => {
    const full = { code: status.RESOURCE_EXHAUSTED, details: 'the queue is full' };
    const told = await daemonWith(t, [{ ...full, trailers: { 'grpc-retry-pushback-ms': '20' } }]);
    assert.equal((await told.client.invoke('f', 'x')).report.attempts, 2);
    const untold = await daemonWith(t, [full]);
    assert.equal((await refusal(untold.client.invoke('f', 'x'))).code, 'RESOURCE_EXHAUSTED');
    assert.equal(untold.calls(), 1);
  });

  test('a negative push-back means no', async (t) => {
    for (const pushback of ['-1', 'soon']) {
      const { client, calls } = await daemonWith(t, [
        { ...notStarted, trailers: { 'dcf-not-started': '1', 'grpc-retry-pushback-ms': pushback } },
      ]);
      const error = await refusal(client.invoke('f', 'x'));
      assert.deepEqual([error.code, error.retryAfterMs], ['UNAVAILABLE', undefined]);
      assert.equal(calls(), 1);
    }
  });

  test('nothing else is tried again: UNAVAILABLE without the word of the daemon, and other codes with it', async (t) => {
    for (const code of [status.UNAVAILABLE, status.INTERNAL, status.UNKNOWN, status.ABORTED, status.DEADLINE_EXCEEDED]) {
      const trailers = code === status.UNAVAILABLE ? {} : { 'dcf-not-started': '1', 'grpc-retry-pushback-ms': '1' };
      const { client, calls } = await daemonWith(t, [{ code, details: 'Connection dropped', trailers }]);
      const error = await refusal(client.invoke('f', 'x'));
      assert.equal(error.message, 'Connection dropped', "the Handler's own words stay");
      assert.equal(calls(), 1);
    }
  });

  test('no attempt begins after the timeout: the last error comes at once', async (t) => {
    const { client, calls } = await daemonWith(t, [
      { ...notStarted, trailers: { 'dcf-not-started': '1', 'grpc-retry-pushback-ms': '90000' } },
    ]);
    const error = await refusal(client.invoke('f', 'x', { timeout: '60s' }));
    assert.deepEqual([error.code, error.message, error.retryAfterMs], ['UNAVAILABLE', 'f is being stopped', 90_000]);
    assert.equal(calls(), 1);
  });

  test('waits between attempts leave nothing at a signal that outlives the calls', async (t) => {
    const { client } = await daemonWith(t, [notStarted, notStarted]);
    const { signal } = new AbortController();
    assert.equal((await client.invoke('f', 'x', { signal })).report.attempts, 3);
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
    // Node keeps the signals that depend on this one in a set of its own, under a symbol.
    const sizes = Object.getOwnPropertySymbols(signal).map((symbol): unknown => Object(Reflect.get(signal, symbol)).size);
    assert.deepEqual(
      sizes.filter((size) => typeof size === 'number' && size > 0),
      [],
    );
  });

  test('abort ends the wait between two attempts', async (t) => {
    const controller = new AbortController();
    const url = await startGrpc(t, [
      functionsService(() => {
        setImmediate(() => setImmediate(() => controller.abort()));
        return { ...notStarted, trailers: { 'dcf-not-started': '1', 'grpc-retry-pushback-ms': '30000' } };
      }),
    ]);
    const error = await refusal(clientFor(t, url).invoke('f', 'x', { signal: controller.signal }));
    assert.equal(error.code, 'CANCELLED');
  });

  test('a connection that closes after it has read the request: one attempt, and the message says that it may have run', async (t) => {
    let calls = 0;
    const url = await startHttp2(t, ({ socket }) => {
      calls += 1;
      socket.destroy();
    });
    const error = await refusal(clientFor(t, url).invoke('f', 'x'));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(
      error.message,
      /^the connection to the DCF daemon at 127\.0\.0\.1:\d+ broke \(.+\): the call may have run, so it was not tried again$/,
    );
    assert.equal(calls, 1);
  });

  test('a connection that is reset in the middle of the reply: one attempt', async (t) => {
    let calls = 0;
    const url = await startHttp2(t, ({ stream, socket }) => {
      calls += 1;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.from([0, 0, 0, 1, 0, 10, 1]), () => socket.resetAndDestroy());
    });
    const error = await refusal(clientFor(t, url).invoke('f', 'x'));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /may have run/);
    assert.equal(calls, 1);
  });

  test('a stream that is reset may have run, whatever code the reset has', async (t) => {
    for (const code of [NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR]) {
      let calls = 0;
      const url = await startHttp2(t, ({ stream }) => {
        calls += 1;
        stream.close(code);
      });
      const error = await refusal(clientFor(t, url).invoke('f', 'x'));
      assert.equal(error.code, 'UNAVAILABLE', error.message);
      assert.match(error.message, /may have run/);
      assert.equal(calls, 1);
    }
  });

  test('a refused stream was certainly not processed: it is tried again', async (t) => {
    const url = await startHttp2(t, ({ stream, number }) => {
      if (number < 3) stream.close(NGHTTP2_REFUSED_STREAM);
      else answerOk(stream, Buffer.from('third'));
    });
    const { output, report } = await clientFor(t, url).invoke('f', 'x');
    assert.equal(Buffer.from(output).toString(), 'third');
    assert.equal(report.attempts, 3);
  });

  test('a call that a GOAWAY cut off was certainly not processed: it is tried again on a new connection', async (t) => {
    const sessions = new Set<unknown>();
    const url = await startHttp2(t, ({ stream, number }) => {
      sessions.add(stream.session);
      // The first stream of a client is 1, the second 3: only the first one has been processed.
      if (number === 2) stream.session?.goaway(NGHTTP2_NO_ERROR, 1);
      else answerOk(stream, Buffer.from(String(number)));
    });
    const client = clientFor(t, url);
    assert.equal((await client.invoke('f', 'x')).report.attempts, 1);
    const { output, report } = await client.invoke('f', 'x');
    assert.equal(Buffer.from(output).toString(), '3');
    assert.equal(report.attempts, 2);
    assert.equal(sessions.size, 2);
  });

  test('a server that ends every connection at once, before HTTP/2 has begun: never sent, so it is tried for a while', async (t) => {
    let connections = 0;
    const url = await startTcp(t, (socket) => {
      connections += 1;
      socket.destroy();
    });
    const error = await refusal(clientFor(t, url).invoke('f', 'x'));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /^no DCF daemon answers at 127\.0\.0\.1:\d+: /);
    assert.ok(connections > 1, `${connections} connections`);
  });

  test('however connections break, no call runs twice', async (t) => {
    const runs = new Map<string, number>();
    const url = await startHttp2(t, ({ stream, number, socket, headers }) => {
      const id = String(headers['dcf-request-id']);
      runs.set(id, (runs.get(id) ?? 0) + 1);
      if (number % 7 === 0) socket.resetAndDestroy();
      else answerOk(stream, Buffer.from(id));
    });
    const client = clientFor(t, url);
    let next = 0;
    let broken = 0;
    const caller = async (): Promise<void> => {
      while (next < 400) {
        const requestId = `call-${next++}`;
        const answer = await client.invoke('f', 'x', { requestId }).then(
          ({ output }) => Buffer.from(output).toString(),
          (error: unknown) => error,
        );
        if (answer === requestId) continue;
        assert.ok(DcfError.is(answer) && answer.code === 'UNAVAILABLE', String(answer));
        assert.match(answer.message, /may have run/);
        broken += 1;
      }
    };
    await Promise.all(Array.from({ length: 16 }, caller));
    assert.ok(broken >= 400 / 7 - 16, `${broken} broke`);
    assert.deepEqual(
      [...runs].filter(([, count]) => count > 1),
      [],
    );
  });
});
