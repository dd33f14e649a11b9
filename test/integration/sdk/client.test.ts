import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { Client, type ClientOptions } from '@dcf/sdk';
import { type handleUnaryCall, Metadata, status } from '@grpc/grpc-js';
import { refusal } from '../../support/refusal.js';
import { clientFor, functionsService, startGrpc } from '../../support/sdk/servers.js';

const echo = functionsService(({ input }) => input);

test('a call: name and bytes go there, the output and a report come back', async (t) => {
  const seen: string[] = [];
  const url = await startGrpc(t, [
    functionsService((request) => {
      seen.push(request.function);
      return Buffer.concat([request.input, Buffer.from('!')]);
    }),
  ]);
  const client = clientFor(t, url);
  const { output, report } = await client.invoke('digits', Uint8Array.of(1, 2, 255), { requestId: 'mine-1' });
  assert.deepEqual([...output], [1, 2, 255, 33]);
  assert.deepEqual(seen, ['digits']);
  assert.equal(report.id, 'mine-1');
  assert.equal(report.attempts, 1);
  assert.ok(report.totalMs > 0 && report.totalMs < 60_000);
});

test('strings go as UTF-8, a lone surrogate as U+FFFD, nothing as nothing', async (t) => {
  const client = clientFor(t, await startGrpc(t, [echo]));
  for (const [text, expected] of [
    ['grüße', 'grüße'],
    ['a\ud800b', 'a\ufffdb'],
    ['', ''],
  ] as const) {
    assert.equal(Buffer.from((await client.invoke('echo', text)).output).toString(), expected);
  }
});

test('the id of a call that the daemon made comes from its trailers', async (t) => {
  const [definition] = echo;
  const trailers = new Metadata();
  trailers.set('dcf-request-id', 'theirs-7');
  const invoke: handleUnaryCall<Buffer, Buffer> = (_call, callback) => callback(null, Buffer.alloc(0), trailers);
  const url = await startGrpc(t, [[definition, { Invoke: invoke }]]);
  const client = clientFor(t, url);
  assert.equal((await client.invoke('f', '')).report.id, 'theirs-7');
});

test('token, alias, id and metadata reach the daemon', async (t) => {
  let seen: Record<string, unknown> = {};
  const url = await startGrpc(t, [
    functionsService((_request, call) => {
      seen = call.metadata.getMap();
      return Buffer.alloc(0);
    }),
  ]);
  const client = clientFor(t, url, { token: 's3cret' });
  await client.invoke('f', '', { alias: 'prod', requestId: 'r-1', metadata: { 'X-Tenant': 'a b' } });
  const { authorization, 'dcf-alias': alias, 'dcf-request-id': id, 'x-tenant': tenant } = seen;
  assert.deepEqual({ authorization, alias, id, tenant }, { authorization: 'Bearer s3cret', alias: 'prod', id: 'r-1', tenant: 'a b' });
});

test('64 MiB go there and back, byte for byte', async (t) => {
  const client = clientFor(t, await startGrpc(t, [echo]));
  const input = Buffer.alloc(64 * 1024 * 1024);
  for (let offset = 0; offset < input.length; offset += 4096) input.writeUInt32LE(offset, offset);
  const { output } = await client.invoke('echo', input);
  assert.ok(input.equals(output));
});

test("an error carries the daemon's code, message, reason and push-back", async (t) => {
  const url = await startGrpc(t, [
    functionsService(() => ({
      code: status.INTERNAL,
      details: 'der Prozeß wurde beendet (signal SIGKILL)',
      trailers: { 'dcf-reason': 'signal:SIGKILL', 'grpc-retry-pushback-ms': '250' },
    })),
  ]);
  const client = clientFor(t, url);
  const { code, message, reason, retryAfterMs } = await refusal(client.invoke('f', ''));
  assert.deepEqual(
    { code, message, reason, retryAfterMs },
    { code: 'INTERNAL', message: 'der Prozeß wurde beendet (signal SIGKILL)', reason: 'signal:SIGKILL', retryAfterMs: 250 },
  );
});

test('every code comes through, and an error without words gets some', async (t) => {
  const url = await startGrpc(t, [functionsService(({ input }) => ({ code: Number(Buffer.from(input).toString()), details: '' }))]);
  const client = clientFor(t, url);
  for (const name of ['CANCELLED', 'UNKNOWN', 'NOT_FOUND', 'ABORTED', 'UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'UNAUTHENTICATED'] as const) {
    const error = await refusal(client.invoke('f', String(status[name])));
    assert.equal(error.code, name);
    assert.match(error.message, new RegExp(`answered ${name}`));
  }
});

test('the timeout ends a call, and the daemon learns of it', async (t) => {
  let cancelled: Promise<unknown> | undefined;
  const url = await startGrpc(t, [
    functionsService((_request, call) => {
      cancelled = once(call, 'cancelled');
      return new Promise(() => undefined);
    }),
  ]);
  const client = clientFor(t, url, { timeout: '1h' });
  const error = await refusal(client.invoke('f', '', { timeout: '300ms' }));
  assert.equal(error.code, 'DEADLINE_EXCEEDED');
  assert.match(error.message, /no answer within the timeout of 300 ms/);
  assert.ok(cancelled !== undefined);
  await cancelled;
});

/** The deadline that the daemon is told of for a call, in Unix milliseconds. */
async function deadlineFrom(t: TestContext, options: ClientOptions): Promise<number> {
  let deadline = 0;
  const url = await startGrpc(t, [
    functionsService(({ input }, call) => {
      deadline = Number(call.getDeadline());
      return input;
    }),
  ]);
  await clientFor(t, url, options).invoke('f', '');
  return deadline;
}

test('a timeout of years is as long as both sides can count, not the past', async (t) => {
  const deadline = await deadlineFrom(t, { timeout: Number.POSITIVE_INFINITY });
  const days = (deadline - Date.now()) / 86_400_000;
  assert.ok(days > 23 && days <= 24.1, `${days} days`);
});

test('without a timeout a call has 60 s', async (t) => {
  const before = Date.now();
  const deadline = await deadlineFrom(t, {});
  assert.ok(deadline >= before + 59_000 && deadline <= Date.now() + 61_000);
});

test('abort: CANCELLED with its reason, the daemon learns of it, no listener stays', async (t) => {
  const controller = new AbortController();
  let cancelled: Promise<unknown> | undefined;
  const url = await startGrpc(t, [
    functionsService((_request, call) => {
      cancelled = once(call, 'cancelled');
      controller.abort(new Error('enough'));
      return new Promise(() => undefined);
    }),
  ]);
  const client = clientFor(t, url);
  const error = await refusal(client.invoke('f', '', { signal: controller.signal }));
  assert.equal(error.code, 'CANCELLED');
  assert.ok(error.cause instanceof Error && error.cause.message === 'enough');
  assert.ok(cancelled !== undefined);
  await cancelled;
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  const second = await refusal(client.invoke('f', '', { signal: controller.signal }));
  assert.equal(second.code, 'CANCELLED');
});

test('a call that ends well leaves no listener on its signal', async (t) => {
  const client = clientFor(t, await startGrpc(t, [echo]));
  const { signal } = new AbortController();
  for (let call = 0; call < 20; call++) await client.invoke('echo', 'x', { signal });
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('close cancels what runs and refuses what comes', async (t) => {
  const client: Client = new Client(
    await startGrpc(t, [
      functionsService(() => {
        client.close();
        return new Promise(() => undefined);
      }),
    ]),
  );
  const running = await refusal(client.invoke('f', ''));
  assert.deepEqual([running.code, running.message], ['CANCELLED', 'the client was closed']);
  const later = await refusal(client.invoke('f', ''));
  assert.deepEqual([later.code, later.message], ['CANCELLED', 'the client was closed']);
  client.close();
  const never = new Client('localhost:1');
  never.close();
  assert.equal((await refusal(never.invoke('f', ''))).code, 'CANCELLED');
});
