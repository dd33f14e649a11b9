import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeFrame, type Frame, FrameDecoder, inlineBodyLength } from '../../src/wire/frame.js';
import { fromFrame, type Message, toFrame } from '../../src/wire/messages.js';
import { goldenFrames } from './golden.js';

/** A message as the golden JSON has it: bodies as base64, keys that are undefined left out. */
function plain(message: Message): unknown {
  return JSON.parse(JSON.stringify(message, (_key, value: unknown) => (isBytes(value) ? bytesOf(value).toString('base64') : value)));
}

function isBytes(value: unknown): value is Uint8Array | { type: 'Buffer'; data: number[] } {
  if (value instanceof Uint8Array) return true;
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;
}

function bytesOf(value: Uint8Array | { data: number[] }): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(value.data);
}

function decode(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder({
    maxBodyLength: 1 << 20,
    headroom: 0,
    allocate: Buffer.allocUnsafe,
    onFrame: (frame) => frames.push(frame),
  });
  decoder.push(bytes);
  assert.ok(decoder.atBoundary, 'the bytes end inside a frame');
  return frames;
}

function encode(frame: Frame): Buffer {
  const head = encodeFrame(frame);
  return frame.body.length > inlineBodyLength ? Buffer.concat([head, frame.body]) : head;
}

const frames = goldenFrames();

test('there is a golden frame for each message that this version speaks', () => {
  const types = new Set(frames.map(({ message }) => message['type']));
  assert.deepEqual([...types].sort(), [
    'CALL',
    'CANCEL',
    'CREDIT',
    'DATA',
    'DRAIN',
    'END',
    'ERROR',
    'INIT',
    'INIT_FAILED',
    'LOG',
    'NESTED_CALL',
    'READY',
    'RECALL',
    'REPLY_HEAD',
    'RESULT',
    'RETIRE',
    'RETURNED',
    'STARTED',
  ]);
});

for (const { name, bytes, message } of frames) {
  test(`golden frame ${name}: the bytes read as the message, and it writes as the bytes`, () => {
    const [frame, ...more] = decode(bytes);
    assert.ok(frame !== undefined && more.length === 0);
    const decoded = fromFrame(frame);
    assert.deepEqual(plain(decoded), message);
    assert.deepEqual(encode(toFrame(decoded)), bytes);
  });
}
