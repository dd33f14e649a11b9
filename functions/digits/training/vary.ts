import type { Picture } from '../picture.js';
import { grow, type Plane } from '../plane.js';
import type { Random } from './random.js';

const SOURCE = 28;
/** Number of points on a side of the grid of displacements by which a digit is bent. */
const GRID = 6;

/**
 * Varies a digit: turns, slants, stretches and bends it, with a finer or broader pen, at another size. Ink is
 * 0..1.
 */
export function rewrite(digit: Uint8Array, random: Random): Plane {
  const scale = random.chance(0.25) ? random.between(0.6, 1.2) : random.between(1.2, 4);
  const width = Math.round(SOURCE * scale * random.between(0.9, 1.3));
  const height = Math.round(SOURCE * scale * random.between(0.9, 1.3));
  const map = mapping(random);
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = map((x + 0.5 - width / 2) / scale, (y + 0.5 - height / 2) / scale);
      data[y * width + x] = sample(digit, u + SOURCE / 2, v + SOURCE / 2) / 255;
    }
  }
  return withPen({ width, height, data }, scale, random);
}

/**
 * Adds to a 1 an upstroke before the stem and, sometimes, a foot, as many people write it. The data has few of these. The
 * digit is 28 by 28 bytes.
 */
export function withFlag(one: Uint8Array, random: Random): Uint8Array {
  const rows = Array.from({ length: SOURCE }, (_, y) => one.subarray(y * SOURCE, (y + 1) * SOURCE));
  const inked = rows.map((row, y) => ({ x: row.indexOf(Math.max(...row)), y })).filter(({ x, y }) => (rows[y]?.[x] ?? 0) > 127);
  const [top, foot] = [inked.at(0), inked.at(-1)];
  const result = Uint8Array.from(one);
  if (top === undefined || foot === undefined) return result;
  const length = random.between(4, 9);
  const angle = random.between(0.6, 1.1);
  const pen = random.between(0.8, 1.4);
  const flag = { x: -length * Math.cos(angle), y: length * Math.sin(angle) };
  draw(result, top, { x: top.x + flag.x, y: top.y + flag.y }, pen);
  if (!random.chance(0.3)) return result;
  draw(result, { x: foot.x - random.between(2, 5), y: foot.y }, { x: foot.x + random.between(2, 5), y: foot.y }, pen);
  return result;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Draws a straight stroke. `pen` is half its width in pixels. */
function draw(digit: Uint8Array, from: Point, to: Point, pen: number): void {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  for (let y = 0; y < SOURCE; y++) {
    for (let x = 0; x < SOURCE; x++) {
      const t = Math.min(1, Math.max(0, ((x - from.x) * dx + (y - from.y) * dy) / (dx * dx + dy * dy)));
      const away = Math.hypot(x - from.x - t * dx, y - from.y - t * dy);
      const level = Math.round(255 * Math.min(1, Math.max(0, pen + 0.5 - away)));
      digit[y * SOURCE + x] = Math.max(digit[y * SOURCE + x] ?? 0, level);
    }
  }
}

/** Returns a function from a place on the varied digit to the place on the original, both in pixels of the original from its centre. */
function mapping(random: Random): (x: number, y: number) => [number, number] {
  const angle = random.normal(0.13);
  const slant = random.normal(0.15);
  const [wide, high] = [Math.exp(random.normal(0.13)), Math.exp(random.normal(0.1))];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const bend = random.chance(0.75) ? random.between(0.3, 1.3) : 0;
  const across = Array.from({ length: GRID * GRID }, () => random.normal(bend));
  const down = Array.from({ length: GRID * GRID }, () => random.normal(bend));
  return (x, y) => {
    const u = (cos * x + sin * y) / wide + slant * y;
    const v = (cos * y - sin * x) / high;
    return [u + onGrid(across, u, v), v + onGrid(down, u, v)];
  };
}

/** The grid covers the digit; between its points the displacement is smooth (smoothstep). */
function onGrid(grid: readonly number[], u: number, v: number): number {
  const place = (value: number): number => Math.min(GRID - 1.001, Math.max(0, (value / 24 + 0.5) * (GRID - 1)));
  const [x, y] = [place(u), place(v)];
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const smooth = (t: number): number => t * t * (3 - 2 * t);
  const [a, b] = [smooth(x - column), smooth(y - row)];
  const at = (c: number, r: number): number => grid[r * GRID + c] ?? 0;
  const above = at(column, row) * (1 - a) + at(column + 1, row) * a;
  const below = at(column, row + 1) * (1 - a) + at(column + 1, row + 1) * a;
  return above * (1 - b) + below * b;
}

/** The value at a place of a digit, 0..255, with bicubic interpolation (Catmull-Rom). Outside of the digit it is 0. */
function sample(digit: Uint8Array, x: number, y: number): number {
  const [column, row] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  if (column < -2 || row < -2 || column > SOURCE || row > SOURCE) return 0;
  const [a, b] = [cubic(x - 0.5 - column), cubic(y - 0.5 - row)];
  let sum = 0;
  for (let r = 0; r < 4; r++) {
    const line = row - 1 + r;
    if (line < 0 || line >= SOURCE) continue;
    for (let c = 0; c < 4; c++) {
      const at = column - 1 + c;
      if (at >= 0 && at < SOURCE) sum += (a[c] ?? 0) * (b[r] ?? 0) * (digit[line * SOURCE + at] ?? 0);
    }
  }
  return Math.min(255, Math.max(0, sum));
}

function cubic(t: number): [number, number, number, number] {
  const [t2, t3] = [t * t, t * t * t];
  return [(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2];
}

function withPen(plane: Plane, scale: number, random: Random): Plane {
  const change = random.chance(0.6) ? random.between(-0.35, 1.1) : 0;
  const radius = Math.round(change * scale);
  const { width, height, data } = grow(plane, radius);
  if (!random.chance(0.5)) return { width, height, data };
  // Ink as even as that of a felt pen: the soft edge of a stroke becomes narrower, around its middle.
  const middle = random.between(0.3, 0.55);
  const soft = random.between(0.15, 0.5);
  return { width, height, data: data.map((v) => Math.min(1, Math.max(0, (v - middle) / soft + 0.5))) };
}

/** Makes a photograph of the ink on paper, with colours, uneven light, ruled lines and the noise of a camera. */
export function photograph(ink: Plane, random: Random): Picture {
  const { width, height, data } = ink;
  const isDark = random.chance(0.6);
  const contrast = random.between(70, 250);
  const paper = isDark ? random.between(contrast, 255) : random.between(0, 255 - contrast);
  const colours = [0, 1, 2].map(() => (random.chance(0.4) ? random.between(0.5, 1) : 1));
  const light = random.chance(0.4) ? random.between(0, 0.25) : 0;
  const [tiltX, tiltY] = [random.normal(light), random.normal(light)];
  const lines = random.chance(0.08) ? Math.round(height / random.between(2, 6)) : 0;
  const first = random.between(0, lines);
  const noise = random.chance(0.4) ? random.between(0, contrast * 0.05) : 0;
  const result = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const lit = 1 + (tiltX * (2 * x - width)) / width + (tiltY * (2 * y - height)) / height;
    const ruled = lines > 0 && Math.floor(y + first) % lines === 0 ? 0.22 : 0;
    const share = Math.max(data[i] ?? 0, ruled);
    for (const [c, colour] of colours.entries()) {
      const level = paper + (isDark ? -1 : 1) * share * contrast * colour;
      result[i * 3 + c] = Math.min(255, Math.max(0, Math.round(level * lit + (noise > 0 ? random.normal(noise) : 0))));
    }
  }
  return { width, height, data: result };
}
