// Draws the two hundred pictures that the tests read: each form of a digit ten times, each time as another person would write it. None of them comes
// from the data that the model was trained on. 28 by 28 pixels, light ink on dark paper, as gzip-compressed IDX files.
//   node draw-test-set.mjs [FOLDER]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { generator, strokes, write } from './pen.mjs';

const folder = process.argv[2] ?? fileURLToPath(new URL('../../../test/data/drawn-digits', import.meta.url));
const side = 28;
const hands = 10;

/** A random number from `low` to `high`. */
function between(low, high, random) {
  return low + (high - low) * random();
}

async function draw(form, random) {
  const hand = {
    form,
    pen: between(7, 14, random),
    slant: between(-0.1, 0.3, random),
    ink: '#fff',
    width: side,
    height: side,
    size: between(0.6, 0.8, random),
    at: [between(0.45, 0.55, random), between(0.45, 0.55, random)],
  };
  const half = side / 2;
  const turned = `rotate(${between(-8, 8, random).toFixed(2)} ${half} ${half})`;
  const stretched = `translate(${half} ${half}) scale(${between(0.85, 1.2, random).toFixed(3)} 1) translate(-${half} -${half})`;
  const lines = `<g fill="none" transform="${turned} ${stretched}">${write(hand, random)}</g>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><rect width="100%" height="100%"/>${lines}</svg>`;
  return await sharp(Buffer.from(svg)).removeAlpha().extractChannel(0).raw().toBuffer();
}

/** The bytes of a gzip-compressed IDX file, http://yann.lecun.com/exdb/mnist/ */
function idx(magic, sizes, bytes) {
  const header = Buffer.alloc(4 * (1 + sizes.length));
  for (const [index, value] of [magic, ...sizes].entries()) header.writeUInt32BE(value, 4 * index);
  return gzipSync(Buffer.concat([header, bytes]), { level: 9 });
}

const pictures = [];
const labels = [];
for (let hand = 0; hand < hands; hand++) {
  for (const [index, form] of Object.keys(strokes).entries()) {
    pictures.push(await draw(form, generator(500_000 + hand * 7919 + index * 104_729)));
    labels.push(Number(form[0]));
  }
}
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'images-idx3-ubyte.gz'), idx(0x803, [pictures.length, side, side], Buffer.concat(pictures)));
writeFileSync(join(folder, 'labels-idx1-ubyte.gz'), idx(0x801, [labels.length], Buffer.from(labels)));
