import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@dcf/sdk';
import { encodeStreamEnd, encodeStreamStart } from '@dcf/sdk/contract';
import { defer } from '../../src/core/promises.js';
import { startDaemon, type TestDaemon } from '../support/daemon.js';
import { deploySource, versionSource } from '../support/functions.js';
import { eventually } from '../support/processes.js';
import { rawStream } from '../support/raw-stream.js';
import { deployStreaming, readAll } from '../support/streams.js';

const owner = { after };
const daemon = await startDaemon(owner, { args: ['--body-timeout', '500ms', '--kill-grace', '300ms'] });
await deployStreaming(owner, daemon);

type Input = Parameters<TestDaemon['client']['stream']>[1];

const stream = (what: string, input?: Input, name = 'streaming') => daemon.client.stream(name, input, { metadata: { do: what } });

async function logged(name: string, text: string): Promise<boolean> {
  for await (const entry of daemon.control.logs({ name })) if (entry.text === text) return true;
  return false;
}

const idle = (name = 'streaming') => eventually(`${name} runs nothing`, async () => (await daemon.control.describe(name)).running === 0);

test('who stops reading cancels: the signal fires, the generator returns, and the slot is free', async () => {
  await deployStreaming(owner, daemon, 'left', { concurrency: 1 });
  for await (const chunk of stream('hang', undefined, 'left')) {
    assert.equal(String(Buffer.from(chunk)), 'first');
    break;
  }
  await eventually('the Handler was told', async () => (await logged('left', 'was aborted')) && (await logged('left', 'was returned')));
  assert.deepEqual((await readAll(stream('count 1 1', undefined, 'left'))).texts, ['0']);
});

test('a generator that waits for its reader returns, too, and one that waits for input', async () => {
  for (const [what, input] of [
    ['count 100000 1000', undefined],
    [
      'echo',
      (async function* () {
        yield 'one';
        await new Promise(() => undefined);
      })(),
    ],
  ] as const) {
    for await (const _ of stream(what, input)) break;
    await idle();
  }
});

test('a signal cancels, also before the first chunk', async () => {
  const controller = new AbortController();
  const options = { signal: controller.signal, metadata: { do: 'never' } };
  const reading = readAll(daemon.client.stream('streaming', ['x'], options));
  await eventually('it runs', async () => (await daemon.control.describe('streaming')).running === 1);
  controller.abort();
  assert.equal((await reading).error?.code, 'CANCELLED');
  await idle();
});

test('a client that vanishes is as one that cancels', async (t) => {
  const { session, send } = rawStream(t, daemon.url);
  send(encodeStreamStart({ function: 'streaming', input: undefined }));
  await eventually('it runs', async () => (await daemon.control.describe('streaming')).running === 1);
  session.destroy();
  await idle();
});

test('a worker that dies under a stream ends it with the reason, after its chunks', async () => {
  const { promise: cameThrough, resolve } = defer<void>();
  async function* whenTheyCame() {
    await cameThrough;
    yield 'die';
  }
  let came = 0;
  const { error, texts } = await readAll(stream('die 3', whenTheyCame()), () => {
    came += 1;
    if (came === 3) resolve();
  });
  assert.deepEqual(texts, ['chunk 0', 'chunk 1', 'chunk 2']);
  assert.deepEqual([error?.code, error?.reason], ['INTERNAL', 'exit:7']);
  assert.deepEqual((await readAll(stream('count 1 1'))).texts, ['0']);
});

/** A chunk every 20 ms until something is over. */
async function* chunksUntil(over: Promise<unknown>): AsyncGenerator<string> {
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  while (!isOver) {
    yield 'ab';
    await sleep(20);
  }
}

test('silence is ended by the timeout of the function; a stream in which something moves goes on for longer than that', async () => {
  await deployStreaming(owner, daemon, 'timed', { timeout: '2s' });
  const { promise: silenceOver, resolve } = defer<void>();
  const both = readAll(stream('echo', chunksUntil(silenceOver), 'timed'));
  const inputOnly = readAll(stream('total 0', chunksUntil(silenceOver), 'timed'));
  await eventually('both run', async () => (await daemon.control.describe('timed')).running === 2);
  const silent = await readAll(stream('deaf', undefined, 'timed'));
  resolve();
  assert.deepEqual(silent.texts, ['first']);
  assert.equal(silent.error?.code, 'DEADLINE_EXCEEDED');
  assert.match(silent.error.message, /timed: nothing moved on the stream in either direction for 2 ?s, its timeout/);
  const echoed = await both;
  assert.equal(echoed.error, undefined);
  assert.ok(echoed.texts.length > 1 && echoed.texts.every((text) => text === 'ab'), String(echoed.texts));
  const total = await inputOnly;
  assert.equal(total.error, undefined);
  assert.ok(Number(total.texts[0]) > 2, total.texts[0]);
});

test('the wait in the queue is bounded by the timeout', async () => {
  await deployStreaming(owner, daemon, 'busy', { timeout: '1s', concurrency: 1 });
  const { promise: waitOver, resolve } = defer<void>();
  const running = readAll(stream('echo', chunksUntil(waitOver), 'busy'));
  await eventually('it runs', async () => (await daemon.control.describe('busy')).running === 1);
  const { error } = await readAll(stream('count 1 1', undefined, 'busy'));
  resolve();
  assert.equal(error?.code, 'DEADLINE_EXCEEDED');
  assert.match(error.message, /busy: the timeout of 1 ?s passed in the queue/);
  assert.equal((await running).error, undefined);
});

test("a caller's deadline holds for all of a stream", async (t) => {
  const { send, status } = rawStream(t, daemon.url, { 'grpc-timeout': '700m', do: 'slowly 1000 50' });
  send(encodeStreamStart({ function: 'streaming', input: new Uint8Array() }));
  assert.equal((await status)['grpc-status'], '4');
  await idle();
});

test('what is no stream is refused, and a first message that does not come is not waited for', async (t) => {
  const open = () => rawStream(t, daemon.url);
  const start = encodeStreamStart({ function: 'streaming', input: undefined });
  const whole = encodeStreamStart({ function: 'streaming', input: Buffer.from('all') });
  const cases: [what: string, play: (raw: ReturnType<typeof open>) => void, details: RegExp][] = [
    ['no message', ({ stream }) => stream.end(), /must name the function/],
    ['rubbish', ({ send }) => send(Buffer.from([0x0a, 0x7f])), /not a valid protobuf/],
    ['no function', ({ send }) => send(Buffer.alloc(0)), /name/],
    ['a second function', ({ send }) => [start, start].forEach(send), /only the first/],
    ['a message after the last', ({ send }) => [start, encodeStreamEnd(), encodeStreamEnd()].forEach(send), /after the last/],
    ['rubbish later', ({ send }) => [start, Buffer.from([0x12, 0x7f, 1])].forEach(send), /not a valid protobuf/],
    ['an input and chunks', ({ send }) => send(Buffer.concat([whole, Buffer.from([0x12, 0])])), /both an input and chunks/],
  ];
  for (const [what, play, details] of cases) {
    const raw = open();
    play(raw);
    const status = await raw.status;
    assert.equal(status['grpc-status'], '3', `${what}: ${status['grpc-message']}`);
    assert.match(decodeURIComponent(String(status['grpc-message'])), details, what);
  }
  assert.equal((await open().status)['grpc-status'], '4');
  await idle();
});

test('a deploy leaves a running stream to the revision that began it', async () => {
  await deployStreaming(owner, daemon, 'changing');
  const input = new PassThrough();
  const reading = stream('echo', input, 'changing')[Symbol.asyncIterator]();
  const first = reading.next();
  await eventually('it runs', async () => (await daemon.control.describe('changing')).running === 1);
  input.write('before');
  assert.equal(String(Buffer.from((await first).value ?? [])), 'before');
  await deploySource(owner, daemon, 'changing', versionSource('two'));
  assert.equal(String(Buffer.from((await daemon.client.invoke('changing', '')).output)), 'two');
  const second = reading.next();
  input.write('after');
  assert.equal(String(Buffer.from((await second).value ?? [])), 'after');
  input.end();
  assert.equal((await reading.next()).done, true);
});

test('a daemon that stops lets streams finish, and tells those that do not', async (t) => {
  for (const [what, finishes] of [
    ['slowly 10 100', true],
    ['hang', false],
  ] as const) {
    const stopping = await startDaemon(t, { args: ['--drain-grace', finishes ? '20s' : '500ms'] });
    await deployStreaming(t, stopping);
    // The daemon's own client is closed when it is told to stop.
    const client = new Client(stopping.url);
    const reading = readAll(client.stream('streaming', undefined, { metadata: { do: what } }));
    await eventually('it runs', async () => (await stopping.control.describe('streaming')).running === 1);
    const ended = stopping.stop('SIGTERM');
    const { error, texts } = await reading;
    if (finishes) assert.deepEqual([error, texts.length], [undefined, 10]);
    else assert.deepEqual([error?.code, error?.reason, texts], ['INTERNAL', 'stopped', ['first']]);
    assert.equal(await ended, 0);
    client.close();
  }
});

test('a raw client is told of a failure by the status itself', async (t) => {
  const { stream: raw, send, status } = rawStream(t, daemon.url, { do: 'after 2' });
  let length = 0;
  raw.on('data', (data: Buffer) => {
    length += data.length;
  });
  send(encodeStreamStart({ function: 'streaming', input: undefined }));
  const { 'grpc-status': code, 'dcf-report': report } = await status;
  assert.equal(code, '6');
  assert.equal(typeof report, 'string');
  if (!raw.readableEnded) await once(raw, 'end');
  assert.ok(length > 0);
});
