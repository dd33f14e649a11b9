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

const folder = process.env['DCF_TEST_MNIST'] ?? join(root, '..', 'shared', 'data', 'mnist');
const side = 28;

/** Why there is no MNIST here; `undefined` where it is. It is too large to be a part of the checkout. */
export const noMnist = existsSync(folder) ? undefined : `there is no ${folder} (DCF_TEST_MNIST names another folder with MNIST)`;

/** The thousand digits of MNIST that training and validation never saw: of every eight, the last. */
export async function mnistPictures(): Promise<Picture[]> {
  return await readPictures(folder, (index) => index % 8 === 7);
}

/** Two hundred digits that are a part of the checkout, drawn by functions/digits/training/draw-test-set.mjs. */
export async function drawnPictures(): Promise<Picture[]> {
  return await readPictures(join(root, 'test', 'data', 'drawn-digits'));
}

/** The digits of MNIST for tests where they are, otherwise those that were drawn. */
export async function testPictures(): Promise<Picture[]> {
  return noMnist === undefined ? await mnistPictures() : await drawnPictures();
}

/** Format: IDX, http://yann.lecun.com/exdb/mnist/ */
async function readPictures(from: string, isWanted = (_index: number): boolean => true): Promise<Picture[]> {
  const pixels = gunzipSync(readFileSync(join(from, 'images-idx3-ubyte.gz'))).subarray(16);
  const labels = gunzipSync(readFileSync(join(from, 'labels-idx1-ubyte.gz'))).subarray(8);
  const raw = { width: side, height: side, channels: 1 } as const;
  const wanted = [...labels.entries()].filter(([index]) => isWanted(index));
  return await Promise.all(
    wanted.map(async ([index, digit]) => {
      const picture = pixels.subarray(index * side * side, (index + 1) * side * side);
      return { digit, png: await sharp(picture, { raw }).png().toBuffer() };
    }),
  );
}
