import { HpackError } from './hpack-error.js';

/**
 * The lengths in bits of the codes of RFC 7541, appendix B: one for each byte, and that of the end of string (EOS). The code is canonical: the codes follow
 * from their lengths, counted up in the order of length and then of the byte.
 */
export const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10,
  12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7,
  7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22,
  23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22,
  23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20,
  24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const endOfString = 256;
const emits = 0x100;
const fails = 0x200;

/** The inner nodes of the code's tree, two branches each: below 256 the number of another node, else 256 and the byte (or EOS) that ends there. */
function codeTree(): Uint16Array {
  const branches = new Uint16Array(2 * 256);
  const order = [...codeLengths.keys()].sort((one, other) => (codeLengths[one] ?? 0) - (codeLengths[other] ?? 0) || one - other);
  let nodes = 1;
  let code = 0;
  let lengthBefore = 0;
  for (const symbol of order) {
    const length = codeLengths[symbol] ?? 0;
    code *= 2 ** (length - lengthBefore);
    lengthBefore = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const branch = 2 * node + ((code >>> bit) & 1);
      if (branches[branch] === 0) branches[branch] = nodes++;
      node = branches[branch] ?? 0;
    }
    branches[2 * node + (code & 1)] = 256 + symbol;
    code += 1;
  }
  return branches;
}

/**
 * What four bits do in each state, which is a node of the tree: the next state in the lowest eight bits, `emits` and from bit 16 on the byte that
 * they complete, `fails` where they complete EOS. Codes have at least five bits, so four complete one at most.
 */
function transitions(branches: Uint16Array): Uint32Array {
  const table = new Uint32Array(256 * 16);
  for (let start = 0; start < table.length; start++) {
    let node = start >>> 4;
    let result = 0;
    for (let bit = 3; bit >= 0; bit--) {
      const branch = branches[2 * node + ((start >>> bit) & 1)] ?? 0;
      node = branch < 256 ? branch : 0;
      if (branch >= 256) result = branch === 256 + endOfString ? fails : emits | ((branch - 256) << 16);
    }
    table[start] = result | node;
  }
  return table;
}

/** Whether a string may end in a state: after whole codes, and up to seven bits of padding, all ones (RFC 7541, section 5.2). */
function finalStates(branches: Uint16Array): Uint8Array {
  const table = new Uint8Array(256);
  for (let node = 0, padding = 0; padding < 8; padding++) {
    table[node] = 1;
    node = branches[2 * node + 1] ?? 0;
  }
  return table;
}

const tree = codeTree();
const steps = transitions(tree);
const final = finalStates(tree);

/** The most bytes that so many bytes of Huffman code stand for: no code is shorter than five bits. */
export function longestDecoded(length: number): number {
  return Math.floor((length * 8) / 5);
}

/**
 * Decodes the Huffman code from `start` to `end` of `source` to the beginning of `target`, which has room for `longestDecoded` bytes.
 * Returns the number of bytes. Throws an HpackError for EOS and for wrong padding.
 */
export function decodeHuffman(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = source[at] ?? 0;
    const high = steps[(state << 4) | (byte >>> 4)] ?? fails;
    if ((high & emits) !== 0) target[length++] = high >>> 16;
    const low = steps[((high & 0xff) << 4) | (byte & 0xf)] ?? fails;
    if ((low & emits) !== 0) target[length++] = low >>> 16;
    if (((high | low) & fails) !== 0) throw new HpackError('a string in Huffman code contains the code that ends strings');
    state = low & 0xff;
  }
  if (final[state] !== 1) throw new HpackError('a string in Huffman code has padding that is over seven bits, or not all ones');
  return length;
}
