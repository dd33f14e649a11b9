// Draws the pictures in ../examples: pen strokes through hand-placed points, with some wobble and pressure.
//   node draw-examples.mjs [FOLDER]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const folder = process.argv[2] ?? fileURLToPath(new URL('../examples', import.meta.url));

/** Points as the pen goes, x,y in a box 100 wide and 140 high, y downwards; / lifts it. A point given twice is a corner. */
const strokes = {
  0: '62,12 38,10 18,38 13,78 26,118 52,130 78,110 88,70 80,32 60,11 46,14',
  '0-round': '54,10 24,24 10,64 20,112 50,130 82,114 92,70 82,28 56,9',
  1: '58,8 55,50 52,90 48,132',
  '1-flag': '28,38 44,26 58,10 58,10 57,55 55,95 54,132',
  2: '17,36 28,14 54,8 77,22 76,50 54,82 30,108 14,127 14,127 42,123 66,126 90,122',
  '2-loop': '20,34 36,12 62,10 78,30 70,60 48,94 24,122 12,124 14,108 32,106 54,120 74,128 92,116',
  3: '19,24 36,10 62,10 76,28 68,50 42,62 42,62 70,70 84,94 72,122 44,132 16,118',
  '3-flat': '16,14 44,12 80,10 80,10 62,34 44,56 44,56 68,60 84,84 76,116 48,130 18,120',
  4: '34,10 28,40 16,78 16,78 44,76 90,73 / 70,14 67,60 64,98 60,134',
  '4-shut': '64,8 44,44 14,92 14,92 50,90 90,89 / 66,10 65,54 63,98 61,134',
  5: '26,14 23,40 19,64 19,64 44,54 70,62 82,88 72,118 46,132 16,122 / 26,14 52,14 82,9',
  '5-swift': '84,10 56,13 30,14 30,14 26,38 22,60 22,60 48,56 70,66 78,90 66,118 42,130 16,124',
  6: '68,8 44,30 24,64 17,100 30,126 56,130 77,112 74,86 54,76 32,86 20,104',
  '6-tall': '58,6 36,36 20,76 18,110 34,130 58,130 74,114 70,92 50,84 28,96 20,110',
  7: '14,18 44,17 84,14 84,14 66,52 50,92 40,134',
  '7-barred': '14,24 18,14 48,16 84,12 84,12 66,54 52,92 42,132 / 34,74 54,70 76,68',
  8: '74,24 54,9 30,18 28,42 50,62 76,86 80,114 56,132 26,122 22,96 44,70 68,48 77,27 68,16',
  '8-two': '50,62 28,48 28,22 50,9 72,22 72,46 50,62 22,82 18,112 48,132 80,114 78,84 50,62',
  9: '74,34 58,12 34,14 19,38 27,62 50,66 70,48 76,26 76,26 73,66 68,100 60,134',
  '9-hook': '76,30 56,10 30,18 22,44 36,64 60,58 74,36 77,26 77,26 78,70 74,108 54,130 26,122',
};

/** A picture: the form of the digit, how it is written (in the form's units), the sheet, and the file. */
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

function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A smooth curve (Catmull and Rom, centripetal enough for points this even) through the points. */
function curve(points) {
  const steps = 14;
  const result = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const [b, c] = [points[i], points[i + 1]];
    if (b[0] === c[0] && b[1] === c[1]) continue;
    const isCorner = (p, q) => p !== undefined && p[0] === q[0] && p[1] === q[1];
    const a = points[i - 1] === undefined || isCorner(points[i - 1], b) ? b : points[i - 1];
    const d = points[i + 2] === undefined || isCorner(points[i + 2], c) ? c : points[i + 2];
    for (let k = 0; k < steps; k++) {
      const t = k / steps;
      result.push(
        [0, 1].map(
          (n) =>
            0.5 *
            (2 * b[n] + (c[n] - a[n]) * t + (2 * a[n] - 5 * b[n] + 4 * c[n] - d[n]) * t * t + (3 * b[n] - a[n] - 3 * c[n] + d[n]) * t ** 3),
        ),
      );
    }
  }
  result.push(points.at(-1));
  return result;
}

/** SVG lines of changing width: a hand trembles a little, and presses more in the middle of a stroke. */
function write(example, random) {
  const { form, pen, slant, ink, width, height, size = 0.8, at = [0.5, 0.5] } = example;
  const scale = Math.min((width * Math.max(size, 0.1)) / 100, (height * size) / 140);
  const phase = [random() * 6, random() * 6, random() * 6];
  return strokes[form]
    .split(' / ')
    .map((stroke) => {
      const points = stroke.split(' ').map((point) => point.split(',').map(Number));
      const moved = points.map(([x, y]) => [x + (random() - 0.5) * 4, y + (random() - 0.5) * 4]);
      points.forEach((p, i) => {
        if (i > 0 && p[0] === points[i - 1][0] && p[1] === points[i - 1][1]) moved[i] = moved[i - 1];
      });
      const line = curve(moved).map(([x, y], i) => {
        const [u, v] = [x + Math.sin(i / 5 + phase[0]) * 0.7, y + Math.cos(i / 6 + phase[1]) * 0.7];
        return [width * at[0] + (u - 50 - slant * (v - 70)) * scale, height * at[1] + (v - 70) * scale];
      });
      return line
        .slice(1)
        .map((to, i) => {
          const press = pen * scale * (0.85 + 0.2 * Math.sin((Math.PI * i) / line.length) + 0.1 * Math.sin(i / 7 + phase[2]));
          const [from, n] = [line[i], (value) => value.toFixed(2)];
          return `<path d="M${n(from[0])} ${n(from[1])}L${n(to[0])} ${n(to[1])}" stroke="${ink}" stroke-width="${n(press)}" stroke-linecap="round"/>`;
        })
        .join('');
    })
    .join('');
}

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

/** Grain, as of a camera: the same in red, green and blue. */
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
