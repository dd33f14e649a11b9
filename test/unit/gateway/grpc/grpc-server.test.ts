import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { ByteBudget } from '../../../../src/gateway/byte-budget.js';
import { GrpcServer } from '../../../../src/gateway/grpc/grpc-server.js';

test('a server that cannot listen leaves no timer behind', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const address = other.address();
  assert.ok(typeof address === 'object' && address !== null);
  const begun = t.mock.method(globalThis, 'setInterval');
  const ended = t.mock.method(globalThis, 'clearInterval');
  const options = {
    maxConnections: 8,
    firstByteTimeoutMs: 10_000,
    bodyTimeoutMs: 10_000,
    maxPayload: 1_000,
    budget: new ByteBudget(1_000),
  };
  const opened = GrpcServer.open({
    ...options,
    address: { kind: 'tcp', host: '127.0.0.1', port: address.port },
    services: [],
    onFault: (error) => assert.fail(String(error)),
  });
  await assert.rejects(opened, { code: 'FAILED_PRECONDITION', message: /the port is in use/ });
  const running = begun.mock.calls.map(({ result }) => result);
  assert.ok(running.length > 0);
  assert.deepEqual(
    running.filter((timer) => !ended.mock.calls.some(({ arguments: [cleared] }) => cleared === timer)),
    [],
  );
});
