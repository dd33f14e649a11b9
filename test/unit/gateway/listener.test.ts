import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { Listener } from '../../../src/gateway/listener.js';

test('connections that cannot be accepted end neither the listener nor the process', async (t) => {
  const server = createServer();
  const options = {
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    maxConnections: 1,
    firstByteTimeoutMs: 1_000,
    flag: '--grpc',
    server,
  } as const;
  const listener = await Listener.open(options);
  t.after(() => listener.close());
  // As Node does when no file descriptor is left. An error event without a listener would be thrown here.
  for (let count = 0; count < 3; count++) server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
  assert.ok(server.listening);
  assert.ok(listener.port > 0);
});
