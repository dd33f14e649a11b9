import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { Client } from '@dcf/sdk';
import { ChunkReader, ChunkWriter, replyChunks, requestChunks, type SentChunk } from '@dcf/sdk/contract';
import { type handleBidiStreamingCall, Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { startGrpc } from '../../support/sdk/servers.js';

type Raw = ServerDuplexStream<Buffer, Buffer>;

/** A daemon whose streams are answered by `answer`, which gets each with its number, from 1. */
async function serve(t: TestContext, answer: (call: Raw, number: number) => void): Promise<Client> {
  const identity = (message: Buffer): Buffer => message;
  const codecs = { requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity };
  let calls = 0;
  const handler: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    calls += 1;
    answer(call, calls);
  };
  const definition = { Stream: { path: '/dcf.v1.Functions/Stream', requestStream: true, responseStream: true, ...codecs } };
  const client = new Client(await startGrpc(t, [[definition, { Stream: handler }]]));
  t.after(() => client.close());
  return client;
}

function reply(call: Raw, ...texts: string[]): void {
  const writer = new ChunkWriter<SentChunk>(
    replyChunks,
    (message) => call.write(Buffer.from(message)),
    () => undefined,
  );
  for (const text of texts) writer.send({ output: Buffer.from(text), headroom: 0 });
}

function refuse(call: Raw, notStarted: boolean): void {
  const metadata = new Metadata();
  if (notStarted) metadata.set('dcf-not-started', '1');
  call.emit('error', { code: status.UNAVAILABLE, details: 'not now', metadata });
}

function counted(texts: readonly string[]) {
  const taken: string[] = [];
  function* chunks(): Generator<string> {
    for (const text of texts) {
      taken.push(text);
      yield text;
    }
  }
  return { taken, chunks: chunks() };
}

test('a stream that was not accepted is tried again, and no chunk was taken for it', async (t) => {
  const { taken, chunks } = counted(['a', 'b']);
  const seen: number[] = [];
  const client = await serve(t, (call, number) => {
    seen.push(taken.length);
    if (number < 3) {
      refuse(call, true);
      return;
    }
    call.sendMetadata(new Metadata());
    call.on('data', (message: Buffer) => {
      const reader = new ChunkReader(message, requestChunks);
      for (let chunk = reader.next(); chunk !== undefined; chunk = reader.next()) reply(call, `got ${chunk}`);
    });
    call.on('end', () => call.end());
  });
  const result = client.stream('any', chunks);
  const texts: string[] = [];
  for await (const chunk of result) texts.push(String(chunk));
  assert.deepEqual(texts, ['got a', 'got b']);
  assert.deepEqual(seen, [0, 0, 0]);
  assert.equal(result.report?.attempts, 3);
});

test('a stream that may have begun is not tried again', async (t) => {
  let calls = 0;
  const client = await serve(t, (call) => {
    calls += 1;
    refuse(call, false);
  });
  await assert.rejects(client.stream('any')[Symbol.asyncIterator]().next(), { code: 'UNAVAILABLE', message: 'not now' });
  const accepted = await serve(t, (call) => {
    calls += 1;
    call.sendMetadata(new Metadata());
    refuse(call, true);
  });
  await assert.rejects(accepted.stream('any')[Symbol.asyncIterator]().next(), { code: 'UNAVAILABLE' });
  assert.equal(calls, 2);
});

test('a daemon that says nothing is given up after the timeout, before and after it has accepted the stream', async (t) => {
  for (const accepts of [false, true]) {
    const client = await serve(t, (call) => {
      if (accepts) call.sendMetadata(new Metadata());
    });
    const reading = client.stream('any', ['x'], { timeout: 300 })[Symbol.asyncIterator]().next();
    await assert.rejects(reading, { code: 'DEADLINE_EXCEEDED' });
  }
});

test('a reader who takes its time is not the silence that the timeout is for', async (t) => {
  const client = await serve(t, (call) => {
    reply(call, 'first');
    call.end();
  });
  const texts: string[] = [];
  for await (const chunk of client.stream('any', undefined, { timeout: 100 })) {
    texts.push(String(chunk));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert.deepEqual(texts, ['first']);
});

test('a failure in the trailers comes after all chunks', async (t) => {
  const client = await serve(t, (call) => {
    reply(call, 'first');
    const trailers = new Metadata();
    trailers.set('dcf-status', 'ALREADY_EXISTS');
    trailers.set('dcf-details', encodeURIComponent('100 % – done'));
    trailers.set('dcf-reason', 'exit:1');
    call.end(trailers);
  });
  const reading = client.stream('any')[Symbol.asyncIterator]();
  assert.equal(String((await reading.next()).value), 'first');
  await assert.rejects(reading.next(), { code: 'ALREADY_EXISTS', message: '100 % – done', reason: 'exit:1' });
});

test('an input that gives no iterator, such as a locked stream, ends the call at the daemon', { timeout: 20_000 }, async (t) => {
  let cancelled: Promise<unknown> | undefined;
  const client = await serve(t, (call) => {
    cancelled = once(call, 'cancelled');
    call.sendMetadata(new Metadata());
  });
  const locked = new ReadableStream<Uint8Array>();
  locked.getReader();
  await assert.rejects(async () => {
    for await (const chunk of client.stream('any', locked)) assert.fail(`a chunk came: ${chunk}`);
  }, /locked/);
  assert.ok(cancelled !== undefined);
  await cancelled;
});
