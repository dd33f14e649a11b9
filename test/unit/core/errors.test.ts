import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { cutText, stackOf } from '../../../src/core/errors.js';
import { anyCharacter } from '../../support/any-text.js';

test('a cut text is well-formed, within its bytes, and the beginning of what it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter, maxLength: 300 }), fc.integer({ min: 20, max: 200 }), (text, limit) => {
      const cut = cutText(text, limit);
      assert.ok(Buffer.byteLength(cut) <= limit);
      assert.ok(cut.isWellFormed());
      const kept = cut.endsWith(' … (cut)') && cut !== text.toWellFormed() ? cut.slice(0, -' … (cut)'.length) : cut;
      assert.ok(text.toWellFormed().startsWith(kept));
    }),
  );
});

test('a lone surrogate is replaced, a short text stays as it is', () => {
  assert.equal(cutText('a\ud800b', 100), 'a\ufffdb');
  assert.equal(cutText('grüße', 100), 'grüße');
});

test('a stack has its causes', () => {
  const error = new Error('outer', { cause: new Error('inner') });
  assert.match(stackOf(error), /Error: outer[\s\S]*caused by: Error: inner/);
  assert.equal(stackOf('no error'), '');
});
