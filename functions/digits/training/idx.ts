import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Pictures of handwritten digits, 28 by 28 bytes each (0 is paper, 255 is ink), and the digits that they show. */
export interface Digits {
  readonly pictures: readonly Uint8Array[];
  readonly labels: Uint8Array;
}

/** The part that the picture at `index` of the file belongs to: of every 8 pictures the last is for testing, and the one before it for validation. */
export function partOf(index: number): 'training' | 'validation' | 'test' {
  if (index % 8 === 7) return 'test';
  return index % 8 === 6 ? 'validation' : 'training';
}

/**
 * Reads the two gzip-compressed IDX files in `folder`.
 *
 * @throws {Error} when a file is missing, or its first bytes are not those of its kind of IDX file.
 */
export function readDigits(folder: string): Digits {
  const images = readIdx(join(folder, 'images-idx3-ubyte.gz'), 0x803, 16);
  const labels = readIdx(join(folder, 'labels-idx1-ubyte.gz'), 0x801, 8);
  const size = 28 * 28;
  const pictures = Array.from(labels, (_, i) => images.subarray(i * size, (i + 1) * size));
  return { pictures, labels };
}

function readIdx(path: string, magic: number, header: number): Uint8Array {
  const bytes = gunzipSync(readFileSync(path));
  if (bytes.readUInt32BE(0) !== magic) throw new Error(`${path} is not an IDX file of the expected kind: its first four bytes are wrong`);
  return bytes.subarray(header);
}
