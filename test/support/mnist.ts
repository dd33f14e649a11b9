import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import { root } from './programs.js';

export interface Picture {
  /** 28 by 28, light ink on dark paper. */
  png: Buffer;
  digit: number;
}

const folder = join(root, '..', 'shared', 'data', 'mnist');
const side = 28;

/** Why there are no handwritten digits here; `undefined` where there are. They are too large to be a part of the checkout. */
export const noPictures = existsSync(folder) ? undefined : `there is no ${folder}`;

/** The digits that training and validation never saw: of every eight, the last. Format: IDX, http://yann.lecun.com/exdb/mnist/ */
export async function testPictures(): Promise<Picture[]> {
  const pixels = gunzipSync(readFileSync(join(folder, 'images-idx3-ubyte.gz'))).subarray(16);
  const labels = gunzipSync(readFileSync(join(folder, 'labels-idx1-ubyte.gz'))).subarray(8);
  const pictures: Picture[] = [];
  for (const [index, digit] of labels.entries()) {
    if (index % 8 !== 7) continue;
    const raw = pixels.subarray(index * side * side, (index + 1) * side * side);
    pictures.push({
      digit,
      png: await sharp(raw, { raw: { width: side, height: side, channels: 1 } })
        .png()
        .toBuffer(),
    });
  }
  return pictures;
}
