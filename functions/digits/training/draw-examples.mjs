// Draws the pictures in ../examples: pen strokes through hand-placed points, with some wobble and pressure.
//   node draw-examples.mjs [FOLDER]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { generator, write } from './pen.mjs';

const folder = process.argv[2] ?? fileURLToPath(new URL('../examples', import.meta.url));

/** The pictures: for each the file, the form of the digit, how it is written (lengths in the form's units), and the sheet. */
const examples = [
  { file: '0-pencil-on-white.jpg', form: '0', pen: 6, slant: 0.1, ink: '#4a4a50', paper: '#f4f4f2', width: 320, height: 400, noise: 5 },
  {
    file: '0-chalk-on-green.jpg',
    form: '0-round',
    pen: 10,
    slant: 0.05,
    ink: '#eef3ea',
    paper: '#2d5543',
    width: 500,
    height: 500,
    size: 0.5,
    noise: 8,
  },
  { file: '1-black-on-white.png', form: '1', pen: 8, slant: 0.14, ink: '#111', paper: '#fff', width: 120, height: 160 },
  { file: '1-with-a-flag.jpg', form: '1-flag', pen: 9, slant: 0.02, ink: '#1c2b6b', paper: '#faf7ee', width: 260, height: 340, noise: 4 },
  {
    file: '2-blue-pen-on-lined-paper.jpg',
    form: '2',
    pen: 6,
    slant: 0.12,
    ink: '#23359a',
    paper: '#f3e9c4',
    width: 480,
    height: 480,
    size: 0.55,
    lines: 68,
    shade: 0.25,
    noise: 5,
  },
  { file: '2-small.png', form: '2-loop', pen: 10, slant: 0.1, ink: '#000', paper: '#fff', width: 40, height: 40 },
  { file: '3-white-on-black.png', form: '3', pen: 11, slant: 0.08, ink: '#fff', paper: '#000', width: 280, height: 280 },
  { file: '3-flat-top.png', form: '3-flat', pen: 7, slant: 0.06, ink: '#333', paper: '#fff', width: 200, height: 220 },
  { file: '4-large-fine-pen.png', form: '4', pen: 3, slant: 0.1, ink: '#101010', paper: '#ffffff', width: 1200, height: 1200, size: 0.6 },
  {
    file: '4-closed.jpg',
    form: '4-shut',
    pen: 9,
    slant: 0.04,
    ink: '#202020',
    paper: '#e6e6e6',
    width: 300,
    height: 360,
    shade: 0.3,
    noise: 4,
  },
  { file: '5-transparent.png', form: '5', pen: 9, slant: 0.05, ink: '#222', width: 240, height: 300 },
  { file: '5-red-crayon.jpg', form: '5-swift', pen: 12, slant: 0.12, ink: '#c8282f', paper: '#fffdf6', width: 400, height: 420, noise: 6 },
  { file: '6-light-on-blue.png', form: '6', pen: 9, slant: 0.02, ink: '#ffe27a', paper: '#1d3f72', width: 200, height: 260 },
  {
    file: '6-in-shade.jpg',
    form: '6-tall',
    pen: 7,
    slant: 0.08,
    ink: '#26262c',
    paper: '#d8d2c6',
    width: 600,
    height: 450,
    size: 0.6,
    shade: 0.5,
    noise: 6,
  },
  { file: '7-wide-picture.png', form: '7', pen: 8, slant: 0.06, ink: '#000', paper: '#fff', width: 640, height: 120 },
  { file: '7-barred.jpg', form: '7-barred', pen: 8, slant: 0.04, ink: '#1a1a2e', paper: '#f7f5ef', width: 300, height: 380, noise: 4 },
  { file: '8-felt-pen.jpg', form: '8', pen: 14, slant: 0.1, ink: '#101014', paper: '#fbfbf8', width: 360, height: 440, noise: 4 },
  { file: '8-low-contrast.png', form: '8-two', pen: 8, slant: 0.08, ink: '#8d8d8d', paper: '#cfcfcf', width: 180, height: 220 },
  {
    file: '9-corner-of-a-page.jpg',
    form: '9',
    pen: 8,
    slant: 0.08,
    ink: '#15206b',
    paper: '#fefefe',
    width: 900,
    height: 1200,
    size: 0.14,
    at: [0.25, 0.18],
    noise: 3,
  },
  { file: '9-hooked.png', form: '9-hook', pen: 10, slant: 0.06, ink: '#fafafa', paper: '#202428', width: 150, height: 180 },
];

function sheet({ paper, width, height, lines = 0, shade = 0 }) {
  if (paper === undefined) return '';
  let rules = '';
  for (let y = lines * 0.7; lines > 0 && y < height; y += lines) {
    rules += `<path d="M0 ${y}L${width} ${y + 4}" stroke="#b3c3d6" stroke-width="1.6"/>`;
  }
  const shadow = `<linearGradient id="s" x2="1" y2="1"><stop stop-color="#000" stop-opacity="0"/><stop offset="1" stop-color="#000" stop-opacity="${shade}"/></linearGradient>`;
  return {
    below: `<rect width="100%" height="100%" fill="${paper}"/>${rules}`,
    above: `${shadow}<rect width="100%" height="100%" fill="url(#s)"/>`,
  };
}

/** Adds noise as of a camera, equal in red, green and blue. */
async function withGrain(image, amount, random) {
  const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  for (let i = 0; i < data.length; i += 3) {
    const grain = (random() + random() + random() - 1.5) * amount;
    for (let c = 0; c < 3; c++) data[i + c] = Math.min(255, Math.max(0, Math.round(data[i + c] + grain)));
  }
  return sharp(data, { raw: info });
}

mkdirSync(folder, { recursive: true });
for (const [index, example] of examples.entries()) {
  const random = generator(1000 + index * 77);
  const { below = '', above = '' } = sheet(example);
  const { width, height, noise = 0, file } = example;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${below}<g fill="none">${write(example, random)}</g>${above}</svg>`;
  const drawn = sharp(Buffer.from(svg));
  const image = noise > 0 ? await withGrain(drawn, noise, random) : example.paper === undefined ? drawn : drawn.removeAlpha();
  const path = join(folder, file);
  await (file.endsWith('.png')
    ? image.png({ palette: example.paper !== undefined, compressionLevel: 9 })
    : image.jpeg({ quality: 70 })
  ).toFile(path);
}
