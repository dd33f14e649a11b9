import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { invokeReply, invokeRequest, type RawOptions, type RawResult, rawClient } from '../support/raw-client.js';

const owner = { after };
const daemon = await startDaemon(owner);
const raw = rawClient(owner, daemon.url);
const contracts = { 'dcf.v1': '/dcf.v1.Functions/Invoke', original: '/pb.Gateway/Invoke' };
const mebibyte = 1024 * 1024;

async function invoke(name: string, input: Uint8Array | string, options?: RawOptions, path = contracts['dcf.v1']): Promise<RawResult> {
  return await raw.call(path, invokeRequest({ function: name, input: Buffer.from(input) }), options);
}

await deploySource(owner, daemon, 'echo', echoSource, { concurrency: 8 });
await deploySource(owner, daemon, 'small', echoSource, { limits: { payload: 1024 } });
const probeSource = `export class Handler {
  call({ id, metadata, deadline }) { return { id, metadata, left: deadline.getTime() - Date.now() }; }
}`;
await deploySource(owner, daemon, 'probe', probeSource);

for (const [contract, path] of Object.entries(contracts)) {
  describe(`Invoke of ${contract}`, () => {
    const inputs: [string, Uint8Array][] = [
      ['text', Buffer.from('Grüße, 世界')],
      ['no bytes', Buffer.alloc(0)],
      ['every byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
      ['1 MiB', randomBytes(mebibyte)],
      ['64 MiB, the default limit', Buffer.alloc(64 * mebibyte, randomBytes(4096))],
    ];
    for (const [what, input] of inputs) {
      test(`answers ${what} unchanged`, async () => {
        const { code, details, reply } = await invoke('echo', input, {}, path);
        assert.equal(code, 'OK', details);
        assert.ok(invokeReply(reply).equals(input));
      });
    }

    test("refuses a byte over the function's own limit and names both numbers", async () => {
      assert.equal((await invoke('small', Buffer.alloc(1024), {}, path)).code, 'OK');
      const { code, details } = await invoke('small', Buffer.alloc(1025), {}, path);
      assert.equal(code, 'RESOURCE_EXHAUSTED');
      assert.match(details, /\b1025\b.*\b1024\b/);
    });

    test('refuses a byte over the default limit and names both numbers', async () => {
      const { code, details } = await invoke('echo', Buffer.alloc(64 * mebibyte + 1), {}, path);
      assert.equal(code, 'RESOURCE_EXHAUSTED');
      assert.match(details, /\b67108865\b.*\b67108864\b/);
    });

    test('knows no function that is not deployed', async () => {
      const { code, details } = await invoke('nobody', '', {}, path);
      assert.equal(code, 'NOT_FOUND');
      assert.match(details, /there is no function nobody/);
    });

    for (const name of ['../x', '', 'A', 'a'.repeat(70), 'a\0b', 'ech\u00f6', '1st', 'a b', '-a']) {
      test(`refuses the name ${JSON.stringify(name)}`, async () => {
        const { code, details } = await invoke(name, '', {}, path);
        assert.equal(code, 'INVALID_ARGUMENT', details);
        assert.ok(details.length < 400, details);
      });
    }
  });
}

test("a message far over the daemon's limit is refused with both numbers, and the connection lives on", async () => {
  const { code, details } = await invoke('echo', Buffer.alloc(66 * mebibyte));
  assert.equal(code, 'RESOURCE_EXHAUSTED');
  assert.match(details, /\b692\d{5}\b.*\b671\d{5}\b/);
  assert.equal((await invoke('echo', 'next')).code, 'OK');
});

test('metadata reaches the Handler, without what is for the daemon', async () => {
  const headers = { 'x-user': 'ada', 'accept-language': 'de', authorization: 'Bearer secret', 'dcf-request-id': 'my-own.id' };
  const { reply } = await invoke('probe', '', { headers });
  const seen: unknown = JSON.parse(invokeReply(reply).toString());
  assert.deepEqual(seen, { id: 'my-own.id', metadata: { 'x-user': 'ada', 'accept-language': 'de' }, left: left(seen) });
  assert.ok(left(seen) > 20_000 && left(seen) <= 30_000, "without a caller's deadline the function's timeout counts");
});

test('a call without an id is given one of its own', async () => {
  const ids = new Set<unknown>();
  for (let i = 0; i < 3; i++) {
    const { output } = await daemon.client.invoke('probe', '');
    const seen: unknown = JSON.parse(Buffer.from(output).toString());
    ids.add(typeof seen === 'object' && seen !== null && 'id' in seen ? seen.id : undefined);
  }
  assert.equal(ids.size, 3);
  assert.ok(!ids.has(undefined) && !ids.has(''));
});

for (const id of ['two words', 'x'.repeat(129), '']) {
  test(`the request id ${JSON.stringify(id.slice(0, 12))} of ${id.length} characters is refused`, async () => {
    const { code, details } = await invoke('probe', '', { headers: { 'dcf-request-id': id } });
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.match(details, /dcf-request-id/);
  });
}

test('metadata over 32 KiB is refused', async () => {
  const { code, details } = await invoke('probe', '', { headers: { 'x-long': 'x'.repeat(33 * 1024) } });
  assert.equal(code, 'INVALID_ARGUMENT');
  assert.match(details, /32 ?KiB/);
});

test("the caller's deadline reaches the Handler when it is the shorter one", async () => {
  const { reply } = await invoke('probe', '', { timeoutMs: 9_000 });
  const milliseconds = left(JSON.parse(invokeReply(reply).toString()));
  assert.ok(milliseconds > 0 && milliseconds <= 9_000, `${milliseconds} ms`);
});

test('an alias that nobody made is not found; the active revision can be named', async () => {
  const [, summary] = await daemon.control.list();
  assert.equal(summary?.name, 'probe');
  assert.equal((await invoke('probe', '', { headers: { 'dcf-alias': summary?.revision ?? '' } })).code, 'OK');
  const { code, details } = await invoke('probe', '', { headers: { 'dcf-alias': 'prod' } });
  assert.equal(code, 'NOT_FOUND');
  assert.match(details, /"prod"/);
});

function left(seen: unknown): number {
  return typeof seen === 'object' && seen !== null && 'left' in seen ? Number(seen.left) : Number.NaN;
}

test('a daemon that takes less than limits.payload has by default runs functions that say nothing of it', async (t) => {
  const narrow = await startDaemon(t, { args: ['--max-payload', '1MiB'] });
  await deploySource(t, narrow, 'modest', echoSource);
  assert.equal(Buffer.from((await narrow.client.invoke('modest', 'hello')).output).toString(), 'hello');
  await assert.rejects(narrow.client.invoke('modest', Buffer.alloc(2 * 2 ** 20)), { code: 'RESOURCE_EXHAUSTED' });
  await assert.rejects(deploySource(t, narrow, 'greedy', echoSource, { limits: { payload: '2MiB' } }), {
    code: 'FAILED_PRECONDITION',
    message: /limits\.payload is 2097152 bytes.*--max-payload/,
  });
});
