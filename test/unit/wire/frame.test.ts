import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameError,
  headLength,
  inlineBodyLength,
  maxHeaderLength,
} from '../../../src/wire/frame.js';

function bytesOf(frame: Frame): Buffer {
  const head = encodeFrame(frame);
  return frame.body.length > inlineBodyLength ? Buffer.concat([head, frame.body]) : head;
}

const u32 = fc.nat({ max: 0xffffffff });
const body = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.integer({ min: inlineBodyLength - 2, max: 40_000 }).map((length) => new Uint8Array(length).fill(length & 255)),
);
const frames = fc.array(
  fc.record({
    type: fc.nat({ max: 255 }),
    flags: fc.nat({ max: 255 }),
    id: u32,
    timeoutMs: u32,
    header: fc.string({ unit: 'grapheme', maxLength: 80 }),
    body,
  }),
  { maxLength: 8 },
);

function plain(frame: Frame): Frame {
  return { ...frame, body: new Uint8Array(frame.body) };
}

function collect(read: (decoder: FrameDecoder) => void, maxBodyLength = 1 << 20, headroom = 0): Frame[] {
  const found: Frame[] = [];
  const decoder = new FrameDecoder({ maxBodyLength, headroom, allocate: Buffer.allocUnsafe, onFrame: (frame) => found.push(plain(frame)) });
  read(decoder);
  assert.ok(decoder.atBoundary);
  return found;
}

test('frames come out as they went in, wherever the stream is cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(bytesOf));
      const received = collect((decoder) => {
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const length = cuts[turn % cuts.length] ?? 1;
          decoder.push(stream.subarray(at, at + length));
          at += length;
        }
      });
      assert.deepEqual(received, sent.map(plain));
    }),
  );
});

test('a stream cut in two at every single place reads the same', () => {
  const sent: Frame[] = [
    { type: 4, flags: 0, id: 1, timeoutMs: 5, header: '{"a":"ü"}', body: Buffer.from('input') },
    { type: 12, flags: 0, id: 0, timeoutMs: 0, header: '', body: Buffer.alloc(0) },
    { type: 5, flags: 3, id: 0xffffffff, timeoutMs: 0, header: '', body: Buffer.from('x') },
  ];
  const stream = Buffer.concat(sent.map(bytesOf));
  for (let cut = 0; cut <= stream.length; cut++) {
    const received = collect((decoder) => {
      decoder.push(stream.subarray(0, cut));
      decoder.push(stream.subarray(cut));
    });
    assert.deepEqual(received, sent.map(plain), `cut at ${cut}`);
  }
});

test('a long body is read straight to its place, in any portions', () => {
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 30_000 }), fc.integer({ min: 1, max: 30_000 }), (sent, scratchLength, portion) => {
      const stream = Buffer.concat(sent.map(bytesOf));
      const received = collect((decoder) => {
        for (let at = 0; at < stream.length; ) {
          const target = decoder.directTarget();
          const rest = stream.length - at;
          if (target === undefined) {
            const length = Math.min(scratchLength, rest);
            decoder.push(Buffer.from(stream.subarray(at, at + length)));
            at += length;
          } else {
            const length = Math.min(portion, target.length, rest);
            stream.copy(target, 0, at, at + length);
            decoder.advance(length);
            at += length;
          }
        }
      });
      assert.deepEqual(received, sent.map(plain));
    }),
  );
});

test('a body has the headroom that was asked for, in its own memory', () => {
  const found: Frame[] = [];
  const decoder = new FrameDecoder({
    maxBodyLength: 100,
    headroom: 16,
    allocate: Buffer.allocUnsafe,
    onFrame: (frame) => found.push(frame),
  });
  const frame: Frame = { type: 5, flags: 0, id: 1, timeoutMs: 0, header: '', body: Buffer.from('one') };
  decoder.push(Buffer.concat([bytesOf(frame), bytesOf({ ...frame, body: Buffer.from('two') })]));
  const [first, second] = found;
  assert.ok(first !== undefined && second !== undefined);
  new Uint8Array(second.body.buffer, second.body.byteOffset - 16, 16).fill(0xee);
  assert.equal(Buffer.from(first.body).toString(), 'one');
  assert.equal(Buffer.from(second.body).toString(), 'two');
});

test('a body over the limit is refused by its head, before any of it has come', () => {
  const head = encodeFrame({ type: 4, flags: 0, id: 1, timeoutMs: 0, header: '', body: new Uint8Array(101) }).subarray(0, headLength);
  const decoder = new FrameDecoder({
    maxBodyLength: 100,
    headroom: 0,
    allocate: Buffer.allocUnsafe,
    onFrame: () => assert.fail('there is no frame'),
  });
  assert.throws(
    () => decoder.push(head),
    (error) => error instanceof FrameError && /body of 101 bytes is over the limit of 100/.test(error.message),
  );
  const huge = Buffer.from(head);
  huge.writeUInt32LE(0xffffffff, 0);
  const other = new FrameDecoder({
    maxBodyLength: 100,
    headroom: 0,
    allocate: Buffer.allocUnsafe,
    onFrame: () => assert.fail('there is no frame'),
  });
  assert.throws(() => other.push(huge), FrameError);
});

test('a header that does not fit its length field is refused by the writer', () => {
  const frame: Frame = { type: 1, flags: 0, id: 0, timeoutMs: 0, header: 'x'.repeat(maxHeaderLength), body: new Uint8Array(0) };
  assert.equal(encodeFrame(frame).length, headLength + maxHeaderLength);
  assert.throws(() => encodeFrame({ ...frame, header: `${frame.header}x` }), FrameError);
});

test('any bytes either read as frames or are refused; nothing else comes out', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      const decoder = new FrameDecoder({
        maxBodyLength: 4096,
        headroom: 0,
        allocate: Buffer.allocUnsafe,
        onFrame: (frame) => assert.ok(frame.body.length <= 4096),
      });
      try {
        decoder.push(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof FrameError);
      }
    }),
  );
});
