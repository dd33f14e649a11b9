import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { encodeStreamStart, loadContract } from '@dcf/sdk/contract';
import { DcfError } from '@dcf/sdk/errors';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource } from '../support/functions.js';
import { eventually } from '../support/processes.js';
import { rawStream } from '../support/raw-stream.js';
import { deployStreaming, numbered, readAll, stored, storingSource } from '../support/streams.js';

const owner = { after };
const { requestSerialize } = loadContract().dcf.Functions.service.Stream;
const daemon = await startDaemon(owner);
await deployStreaming(owner, daemon);

const stream = (what: string, input?: Parameters<TestDaemon['client']['stream']>[1], name = 'streaming') =>
  daemon.client.stream(name, input, { metadata: { do: what } });

test('a Handler streams out, with the report at the end', async () => {
  const result = stream('count 3 4');
  const early = result.report;
  assert.equal(early, undefined);
  assert.deepEqual((await readAll(result)).texts, ['...0', '...1', '...2']);
  assert.equal(result.report?.attempts, 1);
  assert.equal(result.report?.replica, 1);
});

test('a Handler reads what streams in', async () => {
  assert.deepEqual((await readAll(stream('lengths', ['abc', '', new Uint8Array(70_000)]))).texts, ['3;', '0;', '70000;']);
});

test('both at once: each chunk comes back before the next is given', async () => {
  let answered: () => void = () => undefined;
  async function* input(): AsyncGenerator<string> {
    for (let index = 0; index < 20; index++) {
      const answer = new Promise<void>((resolve) => {
        answered = resolve;
      });
      yield `ping ${index}`;
      await answer;
    }
  }
  const texts: string[] = [];
  for await (const chunk of stream('echo', input())) {
    texts.push(Buffer.from(chunk).toString());
    answered();
  }
  assert.deepEqual(
    texts,
    Array.from({ length: 20 }, (_, index) => `ping ${index}`),
  );
});

test('100,000 small chunks go in and come back in order, with their borders', async () => {
  const count = 100_000;
  let expected = 0;
  for await (const chunk of stream('echo', numbered(count, 8))) {
    assert.equal(Buffer.from(chunk).toString(), String(expected).padStart(8, '.'));
    expected += 1;
  }
  assert.equal(expected, count);
});

test('chunks of every size come back as they were, also those longer than the credit', async () => {
  const sizes = [0, 1, 15, 16, 8_191, 8_193, 65_535, 65_537, 300_000, 3_000_000, 0];
  const input = sizes.map((size, index) => Buffer.alloc(size, index + 1));
  assert.deepEqual((await readAll(stream('echo', input))).chunks, input);
});

test('an empty stream, and one that is all in one piece', async () => {
  assert.deepEqual((await readAll(stream('echo', []))).chunks, []);
  assert.deepEqual((await readAll(stream('count 0'))).chunks, []);
  assert.deepEqual((await readAll(stream('echo', 'whole'))).texts, ['whole']);
  assert.deepEqual((await readAll(stream('input', 'whole'))).texts, ['whole']);
  assert.deepEqual((await readAll(stream('input'))).texts, ['']);
});

test('a plain reply is one chunk; a Handler that wants its input at once says so', async () => {
  assert.deepEqual((await readAll(stream('unread', ['not', 'read']))).texts, ['nothing read']);
  const { error } = await readAll(stream('input', ['in', 'chunks']));
  assert.equal(error?.code, 'INVALID_ARGUMENT');
  assert.match(error.message, /read request\.chunks/);
});

test('a call of one output gets all chunks joined, up to the limit of a payload', async () => {
  const invoke = async (name: string, what: string, input = '') =>
    Buffer.from((await daemon.client.invoke(name, input, { metadata: { do: what } })).output).toString();
  assert.equal(await invoke('streaming', 'count 3 4'), '...0...1...2');
  assert.equal(await invoke('streaming', 'echo', 'one chunk'), 'one chunk');
  assert.equal(await invoke('streaming', 'count 0'), '');
  await deployStreaming(owner, daemon, 'small', { limits: { payload: '10KiB' } });
  assert.equal((await invoke('small', 'count 10 1024')).length, 10_240);
  await assert.rejects(invoke('small', 'count 11 1024'), { code: 'RESOURCE_EXHAUSTED', message: /more than limits\.payload, 10240 bytes/ });
  await assert.rejects(invoke('small', 'after 2'), { code: 'ALREADY_EXISTS' });
});

test('a Handler that ends without reading the rest ends the call', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      given += 1;
      yield new Uint8Array(10_000);
    }
  }
  const { chunks, error } = await readAll(stream('early', endless()));
  assert.equal(error, undefined);
  assert.deepEqual(
    chunks.map(({ length }) => length),
    [10_000],
  );
  const { error: none, texts } = await readAll(stream('unread', endless()));
  assert.deepEqual([none, texts], [undefined, ['nothing read']]);
  assert.ok(given < 1_000, `${given} chunks were taken from the input`);
});

test('errors before and after chunks reach the caller, and every chunk before them', async () => {
  const before = await readAll(stream('throw'));
  assert.deepEqual([before.error?.code, before.texts], ['ALREADY_EXISTS', []]);
  for (const count of [1, 2, 1_000]) {
    const { error, chunks } = await readAll(stream(`after ${count}`));
    assert.equal(error?.code, 'ALREADY_EXISTS');
    assert.equal(error.message, 'thrown after chunks');
    assert.equal(error.report?.replica, 1);
    assert.equal(chunks.length, count);
  }
  const wrong = await readAll(stream('wrong'));
  assert.deepEqual([wrong.error?.code, wrong.texts], ['INTERNAL', ['fine']]);
  assert.match(wrong.error?.message ?? '', /stream gave a object|stream gave an? object/);
});

test('a reader who is slow gets every chunk before an error that has long been there', async () => {
  const failed = async (): Promise<number> => (await daemon.control.describe('streaming')).summary?.errors ?? 0;
  const before = await failed();
  let count = 0;
  const reading = async (): Promise<void> => {
    // More messages than a client of grpc-js reads ahead, and no more than HTTP/2 takes unread.
    for await (const chunk of stream('after 24 17000')) {
      if (count === 0) await eventually('the call has failed', async () => (await failed()) > before);
      assert.equal(Buffer.from(chunk).toString().trim(), `chunk ${count}`);
      count += 1;
    }
  };
  await assert.rejects(reading(), { code: 'ALREADY_EXISTS', message: 'thrown after chunks' });
  assert.equal(count, 24);
});

test('a chunk over limits.payload ends the call, in either direction', async () => {
  await deployStreaming(owner, daemon, 'narrow', { limits: { payload: '1KiB' } });
  const fits = await readAll(stream('echo', [new Uint8Array(1_024)], 'narrow'));
  assert.deepEqual([fits.error, fits.chunks.length], [undefined, 1]);
  const input = await readAll(stream('echo', ['fine', new Uint8Array(1_025)], 'narrow'));
  assert.equal(input.error?.code, 'RESOURCE_EXHAUSTED');
  assert.match(input.error.message, /the chunk has 1025 bytes; limits\.payload of narrow is 1024/);
  const output = await readAll(stream('count 2 1025', undefined, 'narrow'));
  assert.equal(output.error?.code, 'RESOURCE_EXHAUSTED');
  assert.match(output.error.message, /a chunk of the reply has 1025 bytes; limits\.payload is 1024/);
});

test('what the input throws is thrown to who reads the output, and the call is cancelled', async () => {
  async function* failing(): AsyncGenerator<string> {
    yield 'first';
    throw new RangeError('the camera is unplugged');
  }
  await assert.rejects(async () => {
    for await (const _ of stream('total 0', failing()));
  }, new RangeError('the camera is unplugged'));
  await assert.rejects(
    async () => {
      for await (const _ of daemon.client.stream('streaming', JSON.parse('[7]')));
    },
    { code: 'INVALID_ARGUMENT' },
  );
});

test('an input that is cut off does not look whole: its client is gone, and had not said how it ends', async (t) => {
  await deploySource(owner, daemon, 'storing', storingSource, { callLog: false });
  const { session, stream: raw, send } = rawStream(t, daemon.url);
  send(requestSerialize({ function: 'storing' }));
  await once(raw, 'data');
  session.destroy();
  assert.equal(await stored(daemon, 'storing'), 'CANCELLED');
});

test('an input whose client says which message is the last ends with that one, and is cut off without', async (t) => {
  for (const [name, last, made] of [
    ['marked', [requestSerialize({ last: true })], 'whole'],
    ['with-chunk', [requestSerialize({ chunks: [Buffer.from('a')], last: true })], 'whole'],
    ['unmarked', [], 'CANCELLED'],
  ] as const) {
    await deploySource(owner, daemon, name, storingSource, { callLog: false });
    const { stream: raw, send, status } = rawStream(t, daemon.url);
    send(encodeStreamStart({ function: name, input: undefined }));
    await once(raw, 'data');
    last.forEach(send);
    raw.end();
    raw.resume();
    assert.equal(await stored(daemon, name), made, name);
    assert.equal((await status)['grpc-status'], made === 'whole' ? '0' : '1', name);
  }
});

test('an input that its caller gives up does not look whole', async () => {
  for (const name of ['left', 'aborted'] as const) {
    await deploySource(owner, daemon, name, storingSource, { callLog: false });
    const controller = new AbortController();
    const never = (async function* () {
      yield 'a chunk';
      await new Promise(() => undefined);
    })();
    const chunks = daemon.client.stream(name, never, { signal: controller.signal })[Symbol.asyncIterator]();
    await chunks.next();
    if (name === 'aborted') {
      controller.abort();
      await assert.rejects(chunks.next(), { code: 'CANCELLED' });
    } else {
      await chunks.return(undefined);
    }
    assert.equal(await stored(daemon, name), 'CANCELLED', name);
  }
});

test('a batching Handler gets streams one by one, between its batches', async () => {
  const source = `export class Handler {
    callBatch(requests: any[]) { return requests.map((request) => request.text() + ' of ' + requests.length); }
    async *call(request: any) { for await (const chunk of request.chunks) yield chunk; }
  }`;
  await deploySource(owner, daemon, 'batching', source, { batch: { maxSize: 8, maxDelay: '10ms' } });
  const calls = Array.from({ length: 12 }, (_, index) =>
    index % 4 === 3
      ? readAll(stream('', ['a', 'b'], 'batching')).then(({ texts }) => texts.join())
      : daemon.client.invoke('batching', 'x').then(({ output }) => Buffer.from(output).toString().slice(0, 4)),
  );
  assert.deepEqual(
    await Promise.all(calls),
    Array.from({ length: 12 }, (_, index) => (index % 4 === 3 ? 'a,b' : 'x of')),
  );
});

test('the chunks of a stream can be read once, and a bad function is told as for any call', async () => {
  const result = stream('count 1 1');
  await readAll(result);
  assert.throws(() => result[Symbol.asyncIterator](), DcfError);
  assert.equal((await readAll(daemon.client.stream('nobody'))).error?.code, 'NOT_FOUND');
  assert.equal((await readAll(daemon.client.stream('No Name'))).error?.code, 'INVALID_ARGUMENT');
});
