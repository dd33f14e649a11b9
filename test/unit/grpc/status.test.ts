import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { encodeMessage, StatusError, statusCodes, statusFields } from '../../../src/grpc/status.js';
import { fieldProblem } from '../../../src/http2/hpack/field-problem.js';

test('a status as trailers', () => {
  assert.deepEqual(statusFields({ code: 0 }), ['grpc-status', '0']);
  assert.deepEqual(statusFields({ code: 0, message: '' }), ['grpc-status', '0']);
  assert.deepEqual(statusFields({ code: 5, message: 'no such thing' }), ['grpc-status', '5', 'grpc-message', 'no such thing']);
  assert.deepEqual(statusFields({ code: 0, trailers: ['x', 'y'] }), ['grpc-status', '0', 'x', 'y']);
  assert.deepEqual(new StatusError('NOT_FOUND', 'text').status, { code: statusCodes.NOT_FOUND, message: 'text' });
});

const texts: Record<string, string> = {
  'as it is': 'as it is',
  '100%': '100%25',
  'a\nb\tc': 'a%0Ab%09c',
  'größer 😀': 'gr%C3%B6%C3%9Fer %F0%9F%98%80',
  '\u007f': '%7F',
  ' at both ends ': '%20at both ends%20',
  ' ': '%20',
  '  ': '%20%20',
  ' ä': '%20%C3%A4',
};

for (const [text, encoded] of Object.entries(texts)) {
  test(`the message ${JSON.stringify(text)} is sent as ${encoded}`, () => assert.equal(encodeMessage(text), encoded));
}

test('any message is a field that may be sent, and is read as it was', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(' ', '%', 'a', '\n', 'é', '😀') })), (text) => {
      const encoded = encodeMessage(text);
      assert.equal(fieldProblem('grpc-message', encoded), undefined);
      assert.equal(decodeURIComponent(encoded), text);
    }),
    { numRuns: 2_000 },
  );
});

test('half a character is replaced', () => {
  assert.equal(encodeMessage('a\ud83db'), 'a%EF%BF%BDb');
});

test('a long message is cut to 8 KiB, between two characters, and ends with no space', () => {
  for (const text of ['a', 'ä', 'a😀', '%', 'ab\n', ' ', 'a ']) {
    for (const before of ['', 'x', 'xy', 'xyz']) {
      const encoded = encodeMessage(before + text.repeat(10_000));
      assert.ok(encoded.length <= 8_192 + 4 && encoded.length > 8_192 - 16, `${encoded.length}`);
      const read = decodeURIComponent(encoded);
      assert.ok((before + text.repeat(10_000)).startsWith(read), JSON.stringify(read.slice(-4)));
      assert.equal(fieldProblem('grpc-message', encoded), undefined);
    }
  }
  assert.equal(encodeMessage('a'.repeat(8_192)), 'a'.repeat(8_192));
});
