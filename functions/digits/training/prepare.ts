// Writes what the model is trained on: pictures that went through the very code that the handler runs.
//   node prepare.js DATA OUT COPIES [SHARD SHARDS]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawDigit } from '../digit.js';
import { findInk } from '../paper.js';
import type { Picture } from '../picture.js';
import { partOf, readDigits } from './idx.js';
import { Random } from './random.js';
import { photograph, rewrite } from './vary.js';

const [data = '../shared/data/mnist', out = 'build', copies = '40', shard = '0', shards = '1'] = process.argv.slice(2);
const { pictures, labels } = readDigits(data);
mkdirSync(out, { recursive: true });

write('validation');
write('training');

/** To `PART-SHARD.bin`, a row each: the digit, the number of the variant (0: the picture as it is), then 28 x 28 bytes. */
function write(part: 'training' | 'validation'): void {
  const rows: Uint8Array[] = [];
  let lost = 0;
  const put = (picture: Picture, digit: number, variant: number): void => {
    const ink = findInk(picture, 'auto');
    const pixels = ink === undefined ? undefined : drawDigit(ink);
    if (pixels === undefined) lost++;
    else rows.push(Uint8Array.of(digit, variant, ...pixels.map((value) => Math.round(value * 255))));
  };
  for (const [index, digit] of pictures.entries()) {
    if (partOf(index) !== part || Math.floor(index / 8) % Number(shards) !== Number(shard)) continue;
    const label = labels[index] ?? 0;
    const random = new Random(index);
    put(asItIs(digit), label, 0);
    for (let i = 1; i <= Number(copies); i++) put(photograph(rewrite(digit, random), random), label, i);
  }
  writeFileSync(join(out, `${part}-${shard}.bin`), Buffer.concat(rows));
  console.log(`${part}: ${String(rows.length)} pictures, ${String(lost)} without a digit`);
}

function asItIs(digit: Uint8Array): Picture {
  return { width: 28, height: 28, data: Uint8Array.from({ length: 28 * 28 * 3 }, (_, i) => digit[Math.floor(i / 3)] ?? 0) };
}
