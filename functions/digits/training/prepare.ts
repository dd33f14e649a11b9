// Writes the training data of the model: pictures that went through the handler's own code.
//   node prepare.js DATA OUT COPIES [SHARD SHARDS]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawDigit } from '../digit.js';
import { findInk } from '../paper.js';
import type { Picture } from '../picture.js';
import { partOf, readDigits } from './idx.js';
import { Random } from './random.js';
import { photograph, rewrite, withFlag } from './vary.js';

const [data = '../shared/data/mnist', out = 'build', copies = '40', shard = '0', shards = '1'] = process.argv.slice(2);
const { pictures, labels } = readDigits(data);
mkdirSync(out, { recursive: true });

write('validation');
write('training');
writeFlagged();

/** Writes a part to `PART-SHARD.bin`, a row for each picture: the digit, the number of the variant (0: the picture as it is), then 28 x 28 bytes. */
function write(part: 'training' | 'validation'): void {
  const rows: Uint8Array[] = [];
  for (const { index, digit, label } of shareOf(part)) {
    const random = new Random(index);
    rows.push(...row(asItIs(digit), label, 0));
    for (let i = 1; i <= Number(copies); i++) rows.push(...row(photograph(rewrite(digit, random), random), label, i));
  }
  save(part, rows);
}

/** Writes ones with a flag, in a third as many variants, to `training-flagged-SHARD.bin`. They are made from the training part alone. */
function writeFlagged(): void {
  const rows: Uint8Array[] = [];
  for (const { index, digit, label } of shareOf('training')) {
    if (label !== 1) continue;
    const random = new Random(100_000 + index);
    for (let i = 1; i <= Number(copies) / 3; i++) {
      rows.push(...row(photograph(rewrite(withFlag(digit, random), random), random), label, i));
    }
  }
  save('training-flagged', rows);
}

interface Entry {
  readonly index: number;
  readonly digit: Uint8Array;
  readonly label: number;
}

function shareOf(part: 'training' | 'validation'): Entry[] {
  return pictures
    .map((digit, index) => ({ index, digit, label: labels[index] ?? 0 }))
    .filter(({ index }) => partOf(index) === part && Math.floor(index / 8) % Number(shards) === Number(shard));
}

/** The row of a picture; no row if no digit is found in it. */
function row(picture: Picture, digit: number, variant: number): Uint8Array[] {
  const ink = findInk(picture, 'auto');
  const pixels = ink === undefined ? undefined : drawDigit(ink);
  if (pixels === undefined) return [];
  return [Uint8Array.of(digit, variant, ...pixels.map((value) => Math.round(value * 255)))];
}

function save(name: string, rows: Uint8Array[]): void {
  writeFileSync(join(out, `${name}-${shard}.bin`), Buffer.concat(rows));
  console.log(`${name}: ${String(rows.length)} pictures`);
}

function asItIs(digit: Uint8Array): Picture {
  const data = Uint8Array.from({ length: 28 * 28 * 3 }, (_, i) => digit[Math.floor(i / 3)] ?? 0);
  return { width: 28, height: 28, data };
}
