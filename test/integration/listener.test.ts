import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Client } from '@dcf/sdk';
import { loadContract } from '@dcf/sdk/contract';
import { cleanUp, type Owner, temporaryDirectory } from '../support/cleanup.js';
import { runDaemon, startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { eventually, processesIn } from '../support/processes.js';
import { runCli } from '../support/programs.js';
import { invokeRequest, rawClient } from '../support/raw-client.js';

const owner = { after };
const impatient = await startDaemon(owner, {
  args: ['--first-byte-timeout', '200ms', '--body-timeout', '300ms', '--max-connections', '4'],
});
await deploySource(owner, impatient, 'echo', echoSource);
const token = 'a-token-that-nobody-guesses';
const guarded = await startDaemon(owner, { token, args: ['--log-level', 'debug'] });
await deploySource(owner, guarded, 'echo', echoSource);

/** A connection that says nothing by itself. */
async function open(t: Owner, daemon: TestDaemon): Promise<Socket> {
  const socket = connect(daemon.port, '127.0.0.1');
  cleanUp(t, () => void socket.destroy());
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  return socket;
}

async function served(daemon: TestDaemon): Promise<void> {
  const { output } = await daemon.client.invoke('echo', 'served');
  assert.equal(Buffer.from(output).toString(), 'served');
}

test('a connection that stays silent is dropped, and others are served meanwhile', async (t) => {
  const silent = await open(t, impatient);
  const dropped = once(silent, 'close');
  await served(impatient);
  await dropped;
  await served(impatient);
});

test('a connection that speaks no HTTP/2 is dropped', async (t) => {
  const socket = await open(t, impatient);
  const dropped = once(socket, 'close');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await dropped;
  await served(impatient);
});

test('a request whose body drips is ended after --body-timeout, and its connection goes on', async (t) => {
  const session = connectHttp2(`http://${impatient.url}`);
  cleanUp(t, () => session.destroy());
  const request = session.request({
    ':method': 'POST',
    ':path': '/dcf.v1.Functions/Invoke',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const dripping = setInterval(() => request.write(Buffer.from([0])), 50);
  cleanUp(t, () => clearInterval(dripping));
  // A message of 1,000 bytes, announced.
  request.write(Buffer.from([0, 0, 0, 3, 0xe8]));
  let status: unknown;
  const note = (headers: Record<string, unknown>): void => {
    status = headers['grpc-status'] ?? status;
  };
  request
    .on('response', note)
    .on('trailers', note)
    .on('error', () => undefined);
  request.resume();
  await served(impatient);
  // The server's side ends; the client's may go on dripping.
  await once(request, 'end');
  clearInterval(dripping);
  request.close();
  assert.equal(status, '4', 'DEADLINE_EXCEEDED');
  await served(impatient);
});

test('bodies that are not all there count: those that find no room are ended, and their streams with them', async (t) => {
  const daemon = await startDaemon(t, { args: ['--max-bytes-in-flight', '1MiB', '--body-timeout', '1h'] });
  await deploySource(t, daemon, 'echo', echoSource);
  const session = connectHttp2(`http://${daemon.url}`);
  cleanUp(t, () => session.destroy());
  const message = invokeRequest({ function: 'echo', input: Buffer.alloc(800 * 1024) });
  const start = () => {
    const request = session.request({
      ':method': 'POST',
      ':path': '/dcf.v1.Functions/Invoke',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const ended = new Promise<unknown>((resolve) => {
      let status: unknown;
      const note = (headers: Record<string, unknown>): void => {
        status = headers['grpc-status'] ?? status;
      };
      request
        .on('response', note)
        .on('trailers', note)
        .on('error', () => undefined)
        .on('close', () => resolve(status));
    });
    request.resume();
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    request.write(Buffer.concat([head, message.subarray(0, 600 * 1024)]));
    return { request, ended };
  };
  // They come side by side: which of them finds room is not said.
  const waiting = new Set([start(), start(), start()]);
  while (waiting.size > 1) {
    const [refused, status] = await Promise.race(Array.from(waiting, async (one) => [one, await one.ended] as const));
    assert.equal(status, '8', 'RESOURCE_EXHAUSTED; the stream closes though the client has not ended it');
    waiting.delete(refused);
  }
  const [last] = waiting;
  last?.request.end(message.subarray(600 * 1024));
  assert.equal(await last?.ended, '0');
  await served(daemon);
});

test('a connection over --max-connections is refused, and those that are there are served', async (t) => {
  const daemon = await startDaemon(t, { args: ['--max-connections', '4', '--first-byte-timeout', '1h'] });
  await deploySource(t, daemon, 'echo', echoSource);
  await served(daemon);
  // The client has one of the four, so one of these is too many.
  const sockets = await Promise.all(Array.from({ length: 4 }, () => open(t, daemon)));
  await Promise.race(sockets.map((socket) => (socket.closed ? undefined : once(socket, 'close'))));
  await served(daemon);
  assert.ok(sockets.some((socket) => !socket.closed));
});

for (const address of ['0.0.0.0:0', '[::]:0']) {
  test(`without a token it does not listen on ${address}`, async (t) => {
    const data = await temporaryDirectory(t);
    const { ended, log } = runDaemon(t, ['--data', data, '--grpc', address]);
    assert.equal(await ended, 2);
    assert.match(
      log(),
      /can be reached from other machines, and the daemon has no token: set DCF_TOKEN or --token-file, or allow it with --insecure/,
    );
  });
}

test('with --insecure it does, and logs it', async (t) => {
  const { url, log, port } = await startDaemon(t, { args: ['--grpc', '0.0.0.0:0', '--insecure'] });
  assert.match(url, /^0\.0\.0\.0:/);
  await eventually('it is logged', () => /insecure: anyone who can reach this address can deploy and call functions/.test(log()));
  const client = new Client(`127.0.0.1:${port}`);
  cleanUp(t, () => client.close());
  await assert.rejects(client.invoke('nobody', ''), { code: 'NOT_FOUND' });
});

test('every method but health wants the token', async (t) => {
  const raw = rawClient(t, guarded.url);
  const { dcf, original } = loadContract();
  const services = [dcf.Functions.service, dcf.Control.service, original.Gateway.service];
  for (const { path } of services.flatMap((service) => Object.values(service))) {
    for (const authorization of [undefined, 'Bearer wrong', token, `Basic ${token}`, `Bearer ${token}x`, 'Bearer ']) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const { code, details } = await raw.call(path, Buffer.alloc(0), { headers });
      assert.equal(code, 'UNAUTHENTICATED', `${path} with ${authorization}: ${details}`);
      assert.ok(!details.includes(token));
    }
  }
  assert.equal((await raw.call('/grpc.health.v1.Health/Check', Buffer.alloc(0))).code, 'OK');
});

test('who shows the token is served, and the Handler does not see it', async (t) => {
  const raw = rawClient(t, guarded.url);
  await deploySource(t, guarded, 'metadata', 'export class Handler { call(request) { return [request.metadata, process.env]; } }');
  const request = invokeRequest({ function: 'metadata', input: Buffer.alloc(0) });
  const { code, reply } = await raw.call('/dcf.v1.Functions/Invoke', request, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(code, 'OK');
  assert.ok(!reply.includes(token));
  const list = await runCli(['list', '--json'], { url: guarded.url, environment: { DCF_TOKEN: token } });
  assert.equal(list.code, 0, list.stderr);
  const wrong = await runCli(['list'], { url: guarded.url, environment: { DCF_TOKEN: 'wrong' } });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /UNAUTHENTICATED: the token is wrong/);
});

test('the token stands in no log, no description, no argument and no replica', async () => {
  await served(guarded);
  const told = JSON.stringify([await guarded.control.describe('echo'), await guarded.control.info(), await guarded.control.list()]);
  assert.ok(!told.includes(token));
  assert.ok(!guarded.log().includes(token));
  if (process.platform !== 'linux') return;
  const replicas = processesIn(guarded.data);
  assert.ok(replicas.length > 0);
  for (const pid of replicas) {
    for (const file of ['cmdline', 'environ'])
      assert.ok(!(await readFile(join('/proc', String(pid), file), 'latin1')).includes(token), file);
  }
  assert.ok(!(await readFile(join('/proc', String(guarded.pid), 'cmdline'), 'latin1')).includes(token));
});
