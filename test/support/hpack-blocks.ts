import { codeLengths } from '../../src/http2/hpack/huffman.js';

/** An integer of RFC 7541, section 5.1: `mask` has the bits for it in the first byte, `pattern` the others. */
export function hpackInteger(value: number, mask: number, pattern = 0): Buffer {
  if (value < mask) return Buffer.from([pattern | value]);
  const bytes = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A string of section 5.2, of latin1 characters. */
export function hpackString(text: string, huffman = false): Buffer {
  const bytes = huffman ? huffmanCode(text) : Buffer.from(text, 'latin1');
  return Buffer.concat([hpackInteger(bytes.length, 0x7f, huffman ? 0x80 : 0), bytes]);
}

/** A field of a table (section 6.1). */
export function indexedField(index: number): Buffer {
  return hpackInteger(index, 0x7f, 0x80);
}

/** What a table keeps of a literal, with the bits that say so and those that are left for the index of its name (section 6.2). */
const literals = { indexing: [0x40, 0x3f], 'without indexing': [0, 0x0f], 'never indexed': [0x10, 0x0f] } as const;
export type LiteralKind = keyof typeof literals;

/** A literal field, its name written out or of a table. */
export function literalField(kind: LiteralKind, name: string | number, value: string, huffman = false): Buffer {
  const [pattern, mask] = literals[kind];
  const head = typeof name === 'number' ? [hpackInteger(name, mask, pattern)] : [Buffer.from([pattern]), hpackString(name, huffman)];
  return Buffer.concat([...head, hpackString(value, huffman)]);
}

/** A size of the dynamic table (section 6.3). */
export function tableSize(size: number): Buffer {
  return hpackInteger(size, 0x1f, 0x20);
}

/** The codes as texts of zeros and ones: counted up in the order of their lengths. */
function codes(): string[] {
  const found: string[] = [];
  let code = 0n;
  let before = 0;
  const symbols = [...codeLengths.keys()].sort((one, other) => (codeLengths[one] ?? 0) - (codeLengths[other] ?? 0) || one - other);
  for (const symbol of symbols) {
    const length = codeLengths[symbol] ?? 0;
    code <<= BigInt(length - before);
    before = length;
    found[symbol] = code.toString(2).padStart(length, '0');
    code += 1n;
  }
  return found;
}

/** The Huffman codes of the bytes, and behind them that of the end of a string, as texts of zeros and ones. */
export const huffmanCodes: readonly string[] = codes();

/** A text in Huffman code, padded with ones. */
export function huffmanCode(text: string): Buffer {
  const bits = [...text].map((character) => huffmanCodes[character.charCodeAt(0)] ?? '').join('');
  return bytesOfBits(bits + '1'.repeat((8 - (bits.length % 8)) % 8));
}

/** The bytes of a text of zeros and ones. */
export function bytesOfBits(bits: string): Buffer {
  return Buffer.from((bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
