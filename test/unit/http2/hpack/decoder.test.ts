import assert from 'node:assert/strict';
import test from 'node:test';
import { HpackDecoder } from '../../../../src/http2/hpack/decoder.js';
import { HpackError } from '../../../../src/http2/hpack/hpack-error.js';
import { hpackInteger, hpackString, indexedField, literalField, tableSize } from '../../../support/hpack-blocks.js';

function newDecoder(maxTableSize = 4096, maxListSize = 16_384): HpackDecoder {
  return new HpackDecoder({ maxTableSize, maxListSize });
}

function bytes(...parts: (Uint8Array | number)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : part)));
}

const method = indexedField(2);
const get = [':method', 'GET'];

const malformed: Record<string, { block: Buffer; says: RegExp }> = {
  'index 0': { block: bytes(0x80), says: /no field with the index 0/ },
  'an index behind the static table, the dynamic one being empty': { block: indexedField(62), says: /index 62/ },
  'an index behind the dynamic table': { block: bytes(literalField('indexing', 'a', 'b'), indexedField(63)), says: /index 63/ },
  'the greatest index': { block: indexedField(0xffffffff), says: /index 4294967295/ },
  'a name with an index behind the tables': { block: literalField('without indexing', 62, 'a'), says: /index 62/ },
  'a cut index': { block: bytes(0xff), says: /ends within a field/ },
  'a cut index, later': { block: bytes(0xff, 0x80, 0x80), says: /ends within a field/ },
  'an integer over 32 bits': { block: indexedField(0x1_0000_0000), says: /over 32 bits/ },
  'an integer of six more bytes': { block: bytes(0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0), says: /over 32 bits/ },
  'an integer without end': { block: bytes(0xff, Buffer.alloc(16_000, 0xff)), says: /over 32 bits/ },
  'a literal that ends behind its first byte': { block: bytes(0x00), says: /ends within a field/ },
  'a literal that ends behind its name': { block: bytes(0x00, hpackString('a')), says: /ends within a field/ },
  'a name past the end': { block: bytes(0x00, 5, Buffer.from('abcd')), says: /ends within a string/ },
  'a value past the end': { block: bytes(0x00, hpackString('a'), 2, Buffer.from('b')), says: /ends within a string/ },
  'a value of 4 GiB': { block: bytes(0x00, hpackString('a'), hpackInteger(0xffffffff, 0x7f)), says: /ends within a string/ },
  'a value of 4 GiB in Huffman code': {
    block: bytes(0, hpackString('a'), hpackInteger(0xffffffff, 0x7f, 0x80)),
    says: /ends within a string/,
  },
  'a size behind a field': { block: bytes(method, tableSize(0)), says: /told behind a field/ },
  'three sizes': { block: bytes(tableSize(0), tableSize(0), tableSize(0)), says: /third time/ },
  'a size over the limit': { block: tableSize(4097), says: /4097 bytes, and may have 4096/ },
  'a second size over the limit': { block: bytes(tableSize(0), tableSize(4097)), says: /4097 bytes/ },
  'a field that went with a new size': {
    block: bytes(tableSize(0), literalField('indexing', 'a', 'b'), indexedField(62)),
    says: /index 62/,
  },
};

for (const [name, { block, says }] of Object.entries(malformed)) {
  test(`a block with ${name} is an error`, () => {
    assert.throws(() => newDecoder().decode(block), { name: 'HpackError', message: says });
  });
}

test('a block cut anywhere is an error, or gives the fields that are whole', () => {
  const fields = [
    method,
    literalField('indexing', 'custom', 'x'.repeat(200)),
    literalField('never indexed', 23, 'secret', true),
    literalField('without indexing', 62, 'again'),
    indexedField(62),
  ];
  const whole = bytes(...fields);
  const ends = fields.map((_, at) => bytes(...fields.slice(0, at + 1)).length);
  for (let cut = 1; cut < whole.length; cut++) {
    const complete = ends.indexOf(cut) + 1;
    if (complete > 0) assert.equal(newDecoder().decode(whole.subarray(0, cut))?.length, 2 * complete);
    else assert.throws(() => newDecoder().decode(whole.subarray(0, cut)), HpackError, `cut at ${cut}`);
  }
});

test('integers of up to 32 bits are taken, with zeros in front, too', () => {
  const decoder = newDecoder();
  assert.deepEqual(decoder.decode(bytes(0x00, 1, Buffer.from('a'), 0x7f, 0x81, 0x80, 0x80, 0x80, 0x00, Buffer.alloc(128, 0x62))), [
    'a',
    'b'.repeat(128),
  ]);
  assert.deepEqual(decoder.decode(bytes(0x00, 0x7f, 0x80, 0x01, Buffer.alloc(255, 0x63), 0)), ['c'.repeat(255), '']);
});

test('a list over its limit is dropped, and the table is right behind it', () => {
  const decoder = newDecoder(4096, 100);
  assert.deepEqual(decoder.decode(literalField('without indexing', 'a', 'v'.repeat(67))), ['a', 'v'.repeat(67)]);
  assert.equal(decoder.decode(literalField('without indexing', 'a', 'v'.repeat(68))), undefined);
  assert.equal(decoder.decode(bytes(method, method, method, literalField('indexing', 'late', 'kept'))), undefined);
  assert.deepEqual(decoder.decode(indexedField(62)), ['late', 'kept']);
  assert.throws(() => decoder.decode(bytes(method, method, method, 0x80)), HpackError, 'what is malformed behind the limit');
});

test('a small block that stands for a large list gives none', () => {
  const decoder = newDecoder(4096, 16_384);
  const block = bytes(literalField('indexing', 'a', 'v'.repeat(4000)), Buffer.alloc(16_000, 0xbe));
  assert.equal(decoder.decode(block), undefined);
});

test('a field larger than the table empties it', () => {
  const decoder = newDecoder();
  decoder.decode(literalField('indexing', 'a', 'b'));
  assert.deepEqual(decoder.decode(literalField('indexing', 62, 'x'.repeat(5000))), ['a', 'x'.repeat(5000)]);
  assert.throws(() => decoder.decode(indexedField(62)), HpackError);
});

test('strings longer than the shared memory are read', () => {
  const decoder = new HpackDecoder({ maxListSize: 1 << 20 });
  const long = '0'.repeat(40_000);
  for (const huffman of [false, true]) {
    assert.deepEqual(
      decoder.decode(bytes(literalField('without indexing', 'a', long, huffman), literalField('without indexing', 'b', 'c', huffman))),
      ['a', long, 'b', 'c'],
    );
  }
});

test('names and values are latin1', () => {
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
  for (const huffman of [false, true]) assert.deepEqual(newDecoder().decode(literalField('indexing', all, all, huffman)), [all, all]);
});

test('a block that came before gives the very list, as long as the table is as it was', () => {
  const decoder = newDecoder();
  decoder.decode(literalField('indexing', 'a', 'b'));
  const block = bytes(method, indexedField(62), literalField('without indexing', 4, '/path'));
  const list = decoder.decode(block);
  assert.deepEqual(list, [...get, 'a', 'b', ':path', '/path']);
  assert.equal(decoder.decode(Buffer.from(block)), list);
  assert.notEqual(decoder.decode(bytes(method, indexedField(62), literalField('without indexing', 4, '/Path'))), list);
  assert.equal(decoder.decode(block), list, 'it is kept beside others');
  decoder.decode(literalField('indexing', 'c', 'd'));
  assert.deepEqual(decoder.decode(block), [...get, 'c', 'd', ':path', '/path']);
  decoder.decode(tableSize(0));
  assert.throws(() => decoder.decode(block), HpackError);
});

test('a block that changes the table is decoded each time', () => {
  const decoder = newDecoder();
  const block = literalField('indexing', 'a', 'b');
  const list = decoder.decode(block);
  assert.notEqual(decoder.decode(block), list);
  assert.deepEqual(decoder.decode(bytes(indexedField(62), indexedField(63))), ['a', 'b', 'a', 'b']);
});

test('many different blocks in turn are each read right', () => {
  const decoder = newDecoder();
  const paths = Array.from({ length: 30 }, (_, at) => `/${at}${'x'.repeat(at * 40)}`);
  for (let round = 0; round < 3; round++) {
    for (const path of paths) assert.deepEqual(decoder.decode(literalField('without indexing', 4, path)), [':path', path]);
  }
});

test('a list over the limit is not taken for one that is empty, when its block comes again', () => {
  const decoder = newDecoder(4096, 50);
  for (let round = 0; round < 3; round++) assert.equal(decoder.decode(bytes(method, method)), undefined);
  assert.deepEqual(decoder.decode(Buffer.alloc(0)), []);
});

test('the table may have 4096 bytes until another size is acknowledged', () => {
  const small = newDecoder(100);
  assert.deepEqual(small.decode(bytes(tableSize(4096), method)), get);
  const large = newDecoder(10_000);
  assert.deepEqual(large.decode(bytes(tableSize(10_000), method)), get);
  assert.throws(() => large.decode(tableSize(10_001)), HpackError);
});

test('a smaller size that was acknowledged has to be told by the next block', () => {
  const decoder = newDecoder();
  assert.deepEqual(decoder.decode(method), get);
  decoder.acknowledged(100);
  assert.throws(() => decoder.decode(method), { name: 'HpackError', message: /may have 100 bytes/ });
  assert.throws(() => decoder.decode(bytes(tableSize(101), method)), { name: 'HpackError', message: /may have 100/ });
  assert.deepEqual(decoder.decode(bytes(tableSize(100), method)), get);
  assert.deepEqual(decoder.decode(method), get);
  assert.throws(() => decoder.decode(tableSize(101)), HpackError);
});

test('when the size was smaller in between, that has to be told as well', () => {
  const decoder = newDecoder();
  decoder.decode(literalField('indexing', 'a', 'b'));
  decoder.acknowledged(0);
  decoder.acknowledged(4096);
  assert.throws(() => decoder.decode(bytes(tableSize(4096), method)), HpackError);
  assert.deepEqual(decoder.decode(bytes(tableSize(0), tableSize(4096), method)), get);
  assert.throws(() => decoder.decode(indexedField(62)), HpackError);
  const other = newDecoder();
  other.acknowledged(50);
  other.acknowledged(100);
  assert.throws(() => other.decode(bytes(tableSize(100), method)), { name: 'HpackError', message: /may have 50/ });
  assert.deepEqual(other.decode(bytes(tableSize(50), tableSize(100), method)), get);
});

test('a size that the table already keeps to needs no word, and one over that of the constructor cannot be acknowledged', () => {
  const decoder = newDecoder();
  decoder.decode(tableSize(50));
  decoder.acknowledged(60);
  assert.deepEqual(decoder.decode(method), get);
  assert.throws(() => decoder.acknowledged(4097), RangeError);
});
