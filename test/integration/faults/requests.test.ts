import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { cleanUp } from '../../support/cleanup.js';
import { faults } from '../../support/faults/fault-matrix.js';
import type { DaemonScene } from '../../support/faults/scene.js';
import { echoSource } from '../../support/functions.js';
import { eventually } from '../../support/processes.js';
import { invokeRequest } from '../../support/raw-client.js';

const mebibyte = 2 ** 20;

const path = '/dcf.v1.Functions/Invoke';
const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
const garbage = Buffer.from('this was never compressed by anybody');

function frame(compressed: 0 | 1, message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function openSession(scene: DaemonScene): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://${scene.daemon.url}`);
  cleanUp(scene, () => session.destroy());
  session.on('error', () => undefined);
  await once(session, 'connect');
  return session;
}

/** Sends a body as it is, and resolves with `grpc-status`. */
async function post(session: ClientHttp2Session, body: Uint8Array, more: Record<string, string> = {}): Promise<string> {
  const request = session.request({ ...headers, ...more });
  let status = 'none';
  const note = (received: Record<string, unknown>): void => {
    status = String(received['grpc-status'] ?? status);
  };
  request
    .on('response', note)
    .on('trailers', note)
    .on('error', () => undefined);
  request.resume();
  request.end(body);
  await once(request, 'close');
  return status;
}

faults('Bad requests', { limits: { bytesInFlight: 8 * mebibyte, payload: 4 * mebibyte } }, (row) => {
  row('An input one byte over `limits.payload`', 'RESOURCE_EXHAUSTED with both numbers; the Handler is not called', async (scene) => {
    await scene.deploy('export class Handler { calls = 0; call() { return ++this.calls; } }', { limits: { payload: '1KiB' } });
    const details = /^the input has 1025 bytes; limits\.payload of fault is 1024$/;
    await scene.throughout(() => scene.expect(Buffer.alloc(1025), { code: 'RESOURCE_EXHAUSTED', details }));
    await scene.expect(Buffer.alloc(1024), { code: 'OK', text: '1' });
  });

  row('An input one byte over the limit of the daemon', 'RESOURCE_EXHAUSTED with both numbers', async (scene) => {
    await scene.deploy(echoSource);
    await scene.expect(Buffer.alloc(4 * mebibyte), { code: 'OK' });
    const details = /^the input has 4194305 bytes; limits\.payload of fault is 4194304$/;
    await scene.expect(Buffer.alloc(4 * mebibyte + 1), { code: 'RESOURCE_EXHAUSTED', details });
    // So large that the gRPC server itself refuses it.
    await scene.expect(Buffer.alloc(5 * mebibyte), { code: 'RESOURCE_EXHAUSTED', details: /\b52428\d\d\b.*\b42598\d\d\b/ });
  });

  row('A malformed protobuf message', 'INVALID_ARGUMENT', async (scene) => {
    const malformed = [[0x0a, 0x7f, 0x61], [0x80], new Array(12).fill(0xff), [0x0f]];
    await scene.throughout(async () => {
      for (const bytes of malformed) assert.equal((await scene.send(path, Buffer.from(bytes))).code, 'INVALID_ARGUMENT');
    });
  });

  row('An unknown method, service, function or name', 'UNIMPLEMENTED, NOT_FOUND or INVALID_ARGUMENT', async (scene) => {
    await scene.throughout(async () => {
      assert.equal((await scene.send('/dcf.v1.Functions/Nothing', Buffer.alloc(0))).code, 'UNIMPLEMENTED');
      assert.equal((await scene.send('/dcf.v9.Functions/Invoke', Buffer.alloc(0))).code, 'UNIMPLEMENTED');
      assert.equal((await scene.callOf('nobody')).code, 'NOT_FOUND');
      assert.equal((await scene.callOf('../bystander')).code, 'INVALID_ARGUMENT');
    });
  });

  const frames: [fault: string, status: string, expected: string, body: Buffer, more?: Record<string, string>][] = [
    ['A body that says gzip and is none', '13', 'INTERNAL', frame(1, garbage), { 'grpc-encoding': 'gzip' }],
    ['A body with an unknown compression', '12', 'UNIMPLEMENTED', frame(1, garbage), { 'grpc-encoding': 'snappy' }],
    ['A body that ends too early', '3', 'INVALID_ARGUMENT', frame(0, garbage).subarray(0, 20)],
    ['A body of 3 GiB, announced', '8', 'RESOURCE_EXHAUSTED', Buffer.from([0, 0xc0, 0, 0, 0, 1])],
    ['A call without a body', '12', 'UNIMPLEMENTED', Buffer.alloc(0)],
  ];
  for (const [fault, status, expected, body, more] of frames) {
    row(fault, `${expected}; the connection goes on`, async (scene) => {
      await scene.deploy(echoSource);
      const session = await openSession(scene);
      await scene.throughout(async () => assert.equal(await post(session, body, more), status));
      assert.equal(await post(session, frame(0, invokeRequest({ function: scene.name, input: garbage }))), '0');
    });
  }
});

/** A connection that says this and nothing more. */
async function openSocket(scene: DaemonScene, words: Uint8Array | string = ''): Promise<Socket> {
  const socket = connect(scene.daemon.port, '127.0.0.1');
  cleanUp(scene, () => void socket.destroy());
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(words);
  await once(socket, 'connect');
  return socket;
}

/** What HTTP/2 begins with, and empty settings. */
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
const idleConnections = 10_000;

faults('Connections', { args: ['--first-byte-timeout', '500ms', '--body-timeout', '3s'] }, (row) => {
  row('Connections that say nothing', 'Dropped after `--first-byte-timeout`', async (scene) => {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => openSocket(scene)));
    await eventually('they are dropped', () => sockets.every(({ closed }) => closed));
  });

  row('Connections that speak no HTTP/2', 'Dropped', async (scene) => {
    for (const words of ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', '\x16\x03\x01\x02\x00\x01', '\0'.repeat(100)]) {
      const socket = await openSocket(scene, words);
      await eventually('it is dropped', () => socket.closed);
    }
  });

  row('Bodies that drip', 'DEADLINE_EXCEEDED after `--body-timeout`; the connection goes on', async (scene) => {
    await scene.deploy(echoSource);
    const session = await openSession(scene);
    const dripping = Array.from({ length: 20 }, async () => {
      const request = session.request(headers);
      const drip = setInterval(() => request.write(Buffer.from([0])), 20);
      cleanUp(scene, () => clearInterval(drip));
      let status: unknown;
      const note = (received: Record<string, unknown>): void => {
        status = received['grpc-status'] ?? status;
      };
      request
        .on('response', note)
        .on('trailers', note)
        .on('error', () => undefined);
      request.resume();
      request.write(Buffer.from([0, 0, 0x0f, 0xff, 0xff]));
      await eventually('the call has ended', () => request.readableEnded);
      clearInterval(drip);
      request.close();
      assert.equal(status, '4', 'DEADLINE_EXCEEDED');
    });
    await Promise.all(dripping);
    assert.equal(await post(session, frame(0, invokeRequest({ function: scene.name, input: garbage }))), '0');
  });
});

faults('Very many connections', { args: ['--first-byte-timeout', '3s'] }, (row) => {
  row(
    `${idleConnections.toLocaleString('en')} idle connections, every other one silent`,
    'The silent ones are dropped; with the others there, calls are answered',
    async (scene) => {
      await scene.deploy(echoSource);
      const silent: Socket[] = [];
      const speaking: Socket[] = [];
      // A few remain for those who call; and at once as many as the listener's backlog holds.
      while (silent.length + speaking.length < idleConnections - 100) {
        silent.push(...(await Promise.all(Array.from({ length: 225 }, () => openSocket(scene)))));
        speaking.push(...(await Promise.all(Array.from({ length: 225 }, () => openSocket(scene, preface)))));
      }
      for (let count = 0; count < 100; count++) await scene.expect('served', { code: 'OK', text: 'served' });
      await eventually('the silent ones are dropped', () => silent.every((socket) => socket.closed));
      const open = speaking.filter((socket) => !socket.closed).length;
      assert.ok(open > 0.9 * speaking.length, `${open} of ${speaking.length} are open`);
      for (const socket of speaking) socket.destroy();
    },
    { memoryGrowth: 256 * mebibyte },
  );
});
