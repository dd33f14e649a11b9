import assert from 'node:assert/strict';
import test from 'node:test';
import { HpackDecoder } from '../../../../src/http2/hpack/decoder.js';
import { HpackEncoder } from '../../../../src/http2/hpack/encoder.js';
import { hpackString, indexedField, literalField, tableSize } from '../../../support/hpack-blocks.js';

const indexedNames = new Set(['content-type', 'grpc-status', 'x-kind']);
const head = [':status', '200', 'content-type', 'application/grpc'];
const trailers = ['grpc-status', '0'];

function newEncoder(): HpackEncoder {
  return new HpackEncoder(indexedNames);
}

test('the head and the trailers of a reply take a byte for each field from the second time on', () => {
  const encoder = newEncoder();
  assert.deepEqual(encoder.encode(head), Buffer.concat([indexedField(8), literalField('indexing', 31, 'application/grpc')]));
  assert.deepEqual(encoder.encode(trailers), literalField('indexing', 'grpc-status', '0'));
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(encoder.encode(head), Buffer.from([0x88, 0xbf]));
    assert.deepEqual(encoder.encode(trailers), Buffer.from([0xbe]));
  }
});

test('fields with other names are literals that no table keeps, and sensitive ones are marked', () => {
  const encoder = newEncoder();
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(
      encoder.encode(['x-request-id', 'a1', 'content-length', '5']),
      Buffer.concat([literalField('without indexing', 'x-request-id', 'a1'), literalField('without indexing', 28, '5')]),
    );
    assert.deepEqual(
      encoder.encode(['set-cookie', 's', 'authorization', 't', 'cookie', 'u', 'proxy-authorization', 'v']),
      Buffer.concat([
        literalField('never indexed', 55, 's'),
        literalField('never indexed', 23, 't'),
        literalField('never indexed', 32, 'u'),
        literalField('never indexed', 49, 'v'),
      ]),
    );
  }
});

test('a sensitive name cannot be indexed', () => {
  assert.throws(() => new HpackEncoder(new Set(['authorization'])), { name: 'TypeError', message: /authorization/ });
});

test('a full table takes no more, and keeps what it has', () => {
  const encoder = newEncoder();
  const decoder = new HpackDecoder({ maxListSize: 1 << 20 });
  decoder.decode(encoder.encode(trailers));
  for (let kind = 0; kind < 500; kind++) {
    const list = ['x-kind', `${'k'.repeat(40)}${kind}`];
    for (let round = 0; round < 2; round++) assert.deepEqual(decoder.decode(encoder.encode(list)), list);
  }
  assert.equal(encoder.encode(trailers).length, 1);
  assert.deepEqual(decoder.decode(encoder.encode(trailers)), trailers);
  assert.deepEqual(encoder.encode(['x-kind', 'n'.repeat(50)]), literalField('without indexing', 'x-kind', 'n'.repeat(50)));
});

test('blocks are written one behind the other into one buffer', () => {
  const encoder = newEncoder();
  const target = Buffer.alloc(300, 0xee);
  const end = encoder.encodeInto(target, 9, head);
  const last = encoder.encodeInto(target, end + 9, trailers);
  const decoder = new HpackDecoder({ maxListSize: 1000 });
  assert.deepEqual(decoder.decode(target.subarray(9, end)), head);
  assert.deepEqual(decoder.decode(target.subarray(end + 9, last)), trailers);
  assert.deepEqual(target.subarray(last), Buffer.alloc(300 - last, 0xee), 'nothing is written behind it');
});

test('nothing happens where a block may not fit, however little is missing', () => {
  const encoder = newEncoder();
  const list = [...head, 'x-message', 'm'.repeat(100), ...trailers];
  const target = Buffer.alloc(400, 0xee);
  let offset = target.length;
  while (encoder.encodeInto(target, offset, list) === -1) {
    assert.ok(target.every((byte) => byte === 0xee));
    offset -= 1;
  }
  const end = target.lastIndexOf(0x30) + 1;
  assert.deepEqual(new HpackDecoder({ maxListSize: 1000 }).decode(target.subarray(offset, end)), list);
});

test('a smaller table is told of in the next block, and then kept to', () => {
  const encoder = newEncoder();
  encoder.encode(head);
  encoder.encode(trailers);
  encoder.setMaxTableSize(4096);
  assert.deepEqual(encoder.encode(trailers), indexedField(62), 'the size that it has is not told');
  encoder.setMaxTableSize(50);
  assert.deepEqual(encoder.encode(trailers), Buffer.concat([tableSize(50), indexedField(62)]), 'the newest field stays');
  assert.deepEqual(encoder.encode(head), Buffer.concat([indexedField(8), literalField('without indexing', 31, 'application/grpc')]));
  encoder.setMaxTableSize(0);
  assert.deepEqual(encoder.encode(trailers), Buffer.concat([tableSize(0), literalField('without indexing', 'grpc-status', '0')]));
  encoder.setMaxTableSize(1_000_000);
  assert.deepEqual(
    encoder.encode(trailers),
    Buffer.concat([tableSize(4096), literalField('indexing', 'grpc-status', '0')]),
    'not over our own size',
  );
  assert.deepEqual(encoder.encode(trailers), indexedField(62));
});

test('the least size between two blocks is told first', () => {
  const encoder = newEncoder();
  encoder.encode(trailers);
  for (const size of [100, 20, 3000]) encoder.setMaxTableSize(size);
  assert.deepEqual(encoder.encode([':status', '200']), Buffer.concat([tableSize(20), tableSize(3000), indexedField(8)]));
  assert.deepEqual(encoder.encode(trailers), literalField('indexing', 'grpc-status', '0'));
});

test('a character over 0xff is refused, and the blocks behind it are read right', () => {
  for (const wide of ['é€', `${'long'.repeat(20)}€`]) {
    const encoder = newEncoder();
    const decoder = new HpackDecoder({ maxListSize: 1000 });
    assert.deepEqual(decoder.decode(encoder.encode(trailers)), trailers);
    encoder.setMaxTableSize(2000);
    const refused = { name: 'TypeError', message: /"x-name" has a character over 0xff/ };
    assert.throws(() => encoder.encode([...head, 'x-name', wide]), refused);
    assert.throws(() => encoder.encode([...head, 'x-name', wide]), refused);
    assert.deepEqual(encoder.encode([]), Buffer.concat([tableSize(0), tableSize(2000)]));
    decoder.decode(Buffer.concat([tableSize(0), tableSize(2000)]));
    for (const list of [head, trailers, head, trailers]) assert.deepEqual(decoder.decode(encoder.encode(list)), list);
    assert.throws(() => encoder.encode([wide, 'value']), TypeError);
  }
});

test('strings of all lengths are written with their lengths', () => {
  const encoder = newEncoder();
  for (const length of [0, 1, 47, 48, 49, 126, 127, 128, 254, 255, 256, 16_384 + 126, 16_384 + 127, 70_000]) {
    const value = 'é'.repeat(length);
    assert.deepEqual(encoder.encode(['x', value]), Buffer.concat([Buffer.from([0]), hpackString('x'), hpackString(value)]));
  }
});
