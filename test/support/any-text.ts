import fc from 'fast-check';

/**
 * Any code point, lone surrogates included, plain ones more often. fast-check's own unit `binary` has the same ones, and takes two
 * seconds to begin with.
 */
export const anyCharacter = fc
  .oneof(fc.integer({ min: 0, max: 0x7f }), fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0x10ffff }))
  .map((codePoint) => String.fromCodePoint(codePoint));

/** Bytes of any length up to `maxLength`, in which a few repeat: what each of many is costs more to choose than to test. */
export function manyBytes(maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.integer({ min: 0, max: maxLength }), fc.uint8Array({ minLength: 1, maxLength: 61 }))
    .map(([length, repeated]) => Buffer.alloc(length, repeated));
}
