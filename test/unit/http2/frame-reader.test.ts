import assert from 'node:assert/strict';
import test from 'node:test';
import { ConnectionError } from '../../../src/http2/errors.js';
import { FrameReader } from '../../../src/http2/frame-reader.js';
import { data, frame, ping, preface, request, settings } from '../../support/http2/frames.js';

const stream = Buffer.concat([
  preface,
  settings([[4, 100_000]]),
  request(1),
  data(1, 'some bytes'),
  frame(0, 0, 1),
  frame(200, 255, 0x7fffffff, Buffer.from('x')),
  ping(),
  data(1, 'the last'),
]);

/** Reads chunks, and writes down the frames. */
function read(chunks: readonly Buffer[]): string[] {
  const frames: string[] = [];
  const reader = new FrameReader((type, flags, id, bytes, start, end) => {
    frames.push(`${type} ${flags} ${id} ${bytes.toString('hex', start, end)}`);
  });
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

test('a stream of frames is read alike wherever it is cut', () => {
  const whole = read([stream]);
  assert.equal(whole.length, 7);
  assert.equal(whole[4], '200 255 2147483647 78');
  assert.deepEqual(read([...stream].map((byte) => Buffer.from([byte]))), whole);
  for (let cut = 0; cut <= stream.length; cut++) {
    assert.deepEqual(read([stream.subarray(0, cut), stream.subarray(cut)]), whole, `cut at ${cut}`);
    for (let next = cut; next <= Math.min(cut + 12, stream.length); next++)
      assert.deepEqual(read([stream.subarray(0, cut), stream.subarray(cut, next), stream.subarray(next)]), whole, `at ${cut} and ${next}`);
  }
});

test('the bit in front of a stream identifier is ignored', () => {
  const bytes = frame(6, 0, 0, Buffer.alloc(8));
  bytes[5] = 0x80;
  assert.deepEqual(read([preface, bytes]), ['6 0 0 0000000000000000']);
});

test('a frame of 16,384 bytes is read, and one of a byte more is refused when its head has come', () => {
  const longest = frame(0, 0, 1, Buffer.alloc(16_384, 'x'));
  assert.equal(read([preface, longest.subarray(0, 5_000), longest.subarray(5_000)]).length, 1);
  const tooLong = frame(0, 0, 1, Buffer.alloc(16_385)).subarray(0, 9);
  const refused = (error: unknown): boolean => error instanceof ConnectionError && error.code === 'FRAME_SIZE_ERROR';
  assert.throws(() => read([preface, tooLong]), refused);
  for (let cut = 0; cut <= 9; cut++) assert.throws(() => read([preface, tooLong.subarray(0, cut), tooLong.subarray(cut)]), refused);
});

test('a wrong preface is refused at its first wrong byte', () => {
  for (let place = 0; place < preface.length; place++) {
    const wrong = Buffer.from(preface);
    wrong[place] = 0;
    const reader = new FrameReader(() => assert.fail('there is no frame'));
    reader.push(wrong.subarray(0, place));
    assert.throws(() => reader.push(wrong.subarray(place, place + 1)), { code: 'PROTOCOL_ERROR' });
  }
});

test('nothing is read after it was stopped, even in the same chunk', () => {
  for (const chunks of [[stream], [...stream].map((byte) => Buffer.from([byte])), [stream.subarray(0, 30), stream.subarray(30)]]) {
    let count = 0;
    const reader = new FrameReader(() => {
      count += 1;
      if (count === 2) reader.stop();
    });
    for (const chunk of chunks) reader.push(chunk);
    reader.push(ping());
    assert.equal(count, 2);
  }
});

test('what a cut frame keeps is one frame, and of the chunks nothing', () => {
  const before = process.memoryUsage().arrayBuffers;
  const begin = Buffer.concat([preface, frame(0, 0, 1, Buffer.alloc(16_384)).subarray(0, 5_000)]);
  const readers = Array.from({ length: 200 }, () => {
    const reader = new FrameReader(() => undefined);
    reader.push(Buffer.from(begin));
    for (let part = 0; part < 100; part++) reader.push(Buffer.from('x'));
    return reader;
  });
  const kept = process.memoryUsage().arrayBuffers - before;
  // The chunks may not have been collected yet.
  assert.ok(kept < readers.length * (16_393 + 2 * 5_100 + 8_192), `${kept} bytes`);
});
