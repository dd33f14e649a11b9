import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { openHttp, requestHead } from '../support/http-client.js';
import { invokesClient } from '../support/invokes.js';
import { invokeRequest, rawClient } from '../support/raw-client.js';

const limit = 2 ** 20;
const owner = { after };
const wide = await startDaemon(owner);
const greedy = { limits: { payload: '3MiB' } };
const echoes = 'export class Handler { async *call(request) { for await (const chunk of request.chunks) yield chunk; } }';
await deploySource(owner, wide, 'modest', echoes);
await deploySource(owner, wide, 'greedy', echoes, greedy);
const makes = 'export class Handler { call(request) { return new Uint8Array(Number(request.text())); } }';
await deploySource(owner, wide, 'makes', makes);
await deploySource(owner, wide, 'makes-python', 'def Handler(req): return bytes(int(req.input))', { runtime: 'python' });
const relay = 'export class Handler { call(request) { return request.call("modest", new Uint8Array(Number(request.text()))); } }';
await deploySource(owner, wide, 'relay', relay);
await wide.stop();
// What was deployed when the daemon took more comes back with what it takes now.
const daemon = await startDaemon(owner, { data: wide.data, args: ['--max-payload', '1MiB'] });
const raw = rawClient(owner, daemon.url);
const openInvokes = invokesClient(owner, daemon.url);

const ways: Readonly<Record<string, (name: string, length: number) => Promise<boolean>>> = {
  'HTTP with a length': async (name, length) => {
    const response = await fetch(`${daemon.http}/functions/${name}`, { method: 'POST', body: Buffer.alloc(length) });
    await response.arrayBuffer();
    assert.ok(response.status === 200 || response.status === 413, String(response.status));
    return response.status === 200;
  },
  'HTTP without one': async (name, length) => {
    const { send, answer } = await openHttp({ after }, daemon.http);
    send(requestHead(`POST /functions/${name}`, { 'transfer-encoding': 'chunked' }));
    send(Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`), Buffer.alloc(length), Buffer.from('\r\n0\r\n\r\n')]));
    const { status } = await answer();
    assert.ok(status === 200 || status === 413, String(status));
    return status === 200;
  },
  gRPC: async (name, length) =>
    taken((await raw.call('/dcf.v1.Functions/Invoke', invokeRequest({ function: name, input: Buffer.alloc(length) }))).code),
  'the original contract': async (name, length) =>
    taken((await raw.call('/pb.Gateway/Invoke', invokeRequest({ function: name, input: Buffer.alloc(length) }))).code),
  'Invokes of the original contract': async (name, length) => {
    const stream = openInvokes();
    await stream.write(name, Buffer.alloc(length));
    stream.end();
    return taken((await stream.ended).code);
  },
  'a chunk of a stream': async (name, length) => {
    try {
      for await (const _ of daemon.client.stream(name, [Buffer.alloc(length)]));
      return true;
    } catch (error) {
      assert.equal(Object(error).code, 'RESOURCE_EXHAUSTED', String(error));
      return false;
    }
  },
};

function taken(code: string | undefined): boolean {
  assert.ok(code === 'OK' || code === 'RESOURCE_EXHAUSTED', code);
  return code === 'OK';
}

for (const [way, call] of Object.entries(ways)) {
  test(`--max-payload bounds what any function takes by ${way}`, async () => {
    for (const name of ['modest', 'greedy']) {
      assert.equal(await call(name, limit), true, name);
      for (const length of [limit + 1, 2 * limit, 3 * limit]) assert.equal(await call(name, length), false, `${name} ${length}`);
    }
  });
}

test('it bounds outputs, and what a Handler calls another function with', async () => {
  const invoke = async (name: string, length: number): Promise<number> => (await daemon.client.invoke(name, String(length))).output.length;
  for (const name of ['makes', 'makes-python', 'relay']) {
    assert.equal(await invoke(name, limit), limit);
    await assert.rejects(invoke(name, limit + 1), { code: 'RESOURCE_EXHAUSTED', message: /limits\.payload.* is 1048576/ }, name);
  }
});

test('what is described is the limit in force, with every default, and not what was given', async () => {
  for (const name of ['modest', 'greedy']) {
    const response = await fetch(`${daemon.http}/functions/${name}`);
    const { manifest } = Object(await response.json());
    assert.deepEqual([manifest.limits.payload, manifest.threads, manifest.given], [limit, 1, undefined], name);
  }
});

test('a smaller limit of a function stays its own; a larger one is refused at its deploy', async () => {
  await deploySource(owner, daemon, 'small', echoSource, { limits: { payload: '1KiB' } });
  assert.equal(await ways['gRPC']?.('small', 1024), true);
  assert.equal(await ways['gRPC']?.('small', 1025), false);
  await assert.rejects(deploySource(owner, daemon, 'larger', echoSource, greedy), {
    code: 'FAILED_PRECONDITION',
    message: /--max-payload/,
  });
});
