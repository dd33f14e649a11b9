import assert from 'node:assert/strict';
import test from 'node:test';
import {
  ChunkReader,
  ChunkWriter,
  decodeStreamStart,
  encodeStreamEnd,
  encodeStreamStart,
  loadContract,
  replyChunks,
  requestChunks,
  type SentChunk,
} from '@dcf/sdk/contract';

const { requestDeserialize, responseDeserialize, requestSerialize } = loadContract().dcf.Functions.service.Stream;

function chunk(text: string, headroom = 0): SentChunk {
  const memory = Buffer.from(' '.repeat(headroom) + text);
  return { output: memory.subarray(headroom), headroom };
}

function read(message: Buffer, tag: number): string[] {
  const reader = new ChunkReader(message, tag);
  const texts: string[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) texts.push(Buffer.from(next).toString());
  return texts;
}

test('the first message is what proto-loader makes of it, and the other way round', () => {
  for (const input of [undefined, Buffer.alloc(0), Buffer.from('all')]) {
    const first = encodeStreamStart({ function: 'upper', input });
    const decoded = requestDeserialize(first);
    assert.equal(decoded.function, 'upper');
    assert.deepEqual(decoded.input, input);
    assert.equal(decoded.last, input === undefined ? false : undefined);
    assert.deepEqual(decodeStreamStart(first), { function: 'upper', input, marksLast: input === undefined });
  }
  const given = requestSerialize({ function: 'upper', chunks: [Buffer.from('a'), Buffer.alloc(0), Buffer.from('c')] });
  assert.deepEqual(decodeStreamStart(given), { function: 'upper', input: undefined, marksLast: false });
  assert.deepEqual(read(given, requestChunks), ['a', '', 'c']);
});

test('which message is the last is known once it is read', () => {
  assert.equal(requestDeserialize(encodeStreamEnd()).last, true);
  const messages = [
    encodeStreamEnd(),
    requestSerialize({ chunks: [Buffer.from('a')], last: true }),
    requestSerialize({ chunks: [Buffer.from('a')], last: false }),
    requestSerialize({ chunks: [Buffer.from('a')] }),
  ];
  const lasts = messages.map((message) => {
    const reader = new ChunkReader(message, requestChunks, false);
    while (reader.next() !== undefined);
    return reader.last;
  });
  assert.deepEqual(lasts, [true, true, false, false]);
});

test('what comes while a message is on its way goes in the next one, in order, up to 32 KiB', () => {
  const messages: Buffer[] = [];
  const written: (() => void)[] = [];
  const sent: string[] = [];
  const write = (message: Buffer, done: () => void): void => {
    messages.push(Buffer.from(message));
    written.push(done);
  };
  const writer = new ChunkWriter<SentChunk>(replyChunks, write, ({ output }) => sent.push(Buffer.from(output).toString()));
  writer.send(chunk('first', 16));
  for (const text of ['a', '', 'b']) writer.send(chunk(text));
  const long = 'x'.repeat(40_000);
  writer.send(chunk(long, 16));
  writer.send(chunk('last'));
  assert.equal(messages.length, 1);
  while (written.length > 0) written.shift()?.();
  assert.equal(writer.idle, true);
  assert.deepEqual(
    messages.map((message) => read(message, replyChunks)),
    [['first'], ['a', '', 'b'], [long], ['last']],
  );
  assert.deepEqual(sent, ['first', 'a', '', 'b', long, 'last']);
  assert.deepEqual(
    messages.map((message) => responseDeserialize(message).chunks.map(String)),
    messages.map((message) => read(message, replyChunks)),
  );
});

test('malformed messages are INVALID_ARGUMENT', () => {
  const bad = { code: 'INVALID_ARGUMENT' };
  assert.throws(() => decodeStreamStart(Buffer.from([0x0a, 0x05, 0x61])), bad);
  assert.throws(() => decodeStreamStart(requestSerialize({ function: 'f', chunks: [Buffer.alloc(1)], input: Buffer.alloc(1) })), bad);
  const later = new ChunkReader(encodeStreamStart({ function: 'f', input: undefined }), requestChunks, false);
  assert.throws(() => later.next(), bad);
});
