import assert from 'node:assert/strict';
import test from 'node:test';
import { HpackError } from '../../../../src/http2/hpack/hpack-error.js';
import { codeLengths, decodeHuffman, longestDecoded } from '../../../../src/http2/hpack/huffman.js';
import { bytesOfBits, huffmanCode, huffmanCodes } from '../../../support/hpack-blocks.js';

function decoded(bits: string): string {
  const source = bytesOfBits(bits);
  const target = Buffer.alloc(longestDecoded(source.length));
  return target.toString('latin1', 0, decodeHuffman(source, 0, source.length, target));
}

function padded(bits: string): string {
  return bits + '1'.repeat((8 - (bits.length % 8)) % 8);
}

test('the code is whole: it uses up all texts of bits', () => {
  assert.equal(codeLengths.length, 257);
  assert.equal(
    codeLengths.reduce((sum, length) => sum + 2 ** -length, 0),
    1,
  );
});

test('some codes of RFC 7541, appendix B', () => {
  const known = {
    '0': '00000',
    a: '00011',
    ' ': '010100',
    '&': '11111000',
    '\0': '1111111111000',
    '\n': `${'1'.repeat(28)}00`,
    ÿ: `${'1'.repeat(21)}01110`,
  };
  for (const [character, code] of Object.entries(known)) assert.equal(huffmanCodes[character.charCodeAt(0)], code);
  assert.equal(huffmanCodes[256], '1'.repeat(30));
});

test('every pair of bytes comes back', () => {
  for (let one = 0; one < 256; one++) {
    let text = '';
    for (let other = 0; other < 256; other++) text += String.fromCharCode(one, other);
    const source = huffmanCode(text);
    const target = Buffer.alloc(longestDecoded(source.length));
    assert.equal(target.toString('latin1', 0, decodeHuffman(source, 0, source.length, target)), text);
  }
});

test('a part of a buffer is decoded, and nothing beside it', () => {
  const source = Buffer.concat([Buffer.from([0xff, 0xff]), huffmanCode('www.example.com'), Buffer.from([0xff, 0xff])]);
  const target = Buffer.alloc(100);
  assert.equal(decodeHuffman(source, 2, source.length - 2, target), 15);
  assert.equal(target.toString('latin1'), 'www.example.com'.padEnd(100, '\0'));
});

const a = huffmanCodes['a'.charCodeAt(0)] ?? '';
const ampersand = huffmanCodes['&'.charCodeAt(0)] ?? '';

test('padding has up to seven bits, all ones', () => {
  for (let count = 1; count <= 8; count++) assert.equal(decoded(padded('00000'.repeat(count))), '0'.repeat(count));
  assert.equal(decoded(`${a}111`), 'a');
  for (const padding of ['000', '001', '010', '011', '100', '101', '110']) assert.throws(() => decoded(a + padding), HpackError, padding);
  assert.throws(() => decoded(ampersand + '1'.repeat(8)), HpackError, 'a whole byte');
  assert.throws(() => decoded(`${a}111${'1'.repeat(8)}`), HpackError, 'eleven bits');
  assert.throws(() => decoded('1'.repeat(8)), HpackError, 'nothing but padding');
});

test('the code that ends strings is an error, wherever it begins in a byte', () => {
  for (let before = 0; before < 8; before++) {
    const text = '00000'.repeat(before) + '1'.repeat(30) + '00000'.repeat(3);
    assert.throws(() => decoded(padded(text)), { name: 'HpackError', message: /ends strings/ });
  }
});
