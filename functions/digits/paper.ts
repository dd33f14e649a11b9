import type { Picture } from './picture.js';
import type { Plane } from './plane.js';
import { peakOf } from './plane.js';

/** Whether the ink is darker than the paper; `auto`: decided by the picture, in which the ink is what differs most from the paper. */
export type Invert = boolean | 'auto';

/** Least contrast of ink with the paper, in levels of 0 to 255. A picture with less is blank. */
const FAINTEST = 24;
/** Shares of the strongest ink: a pixel up to the first has no ink (0), one from the second on has full ink (1). */
const NO_INK = 0.25;
const FULL_INK = 0.8;
/** Largest share of a picture that the ink of a digit covers. */
const MOSTLY = 0.6;
/** Coefficients of the paper's brightness in one channel, a polynomial of the second degree in x and y. */
const TERMS = 6;
const SAMPLES = 1024;

/**
 * The amount of ink at each pixel, 0..1: how far its colour differs from the paper's in the direction of the ink's colour.
 * The paper's colour may change smoothly over the picture. Returns undefined when nothing differs enough: a blank
 * picture.
 */
export function findInk(picture: Picture, invert: Invert): Plane | undefined {
  if (invert !== 'auto') return inkOn(picture, firstGuess(picture, 'all', invert ? 0.9 : 0.1), invert);
  const ink = inkOn(picture, firstGuess(picture, 'border', 0.5), invert);
  if (ink === undefined || ink.data.filter((value) => value > 0.5).length <= MOSTLY * ink.data.length) return ink;
  // So much is no digit: the border is a frame, and the paper is the colour of most of the picture.
  return inkOn(picture, firstGuess(picture, 'all', 0.5), invert);
}

function inkOn(picture: Picture, guess: Guess, invert: Invert): Plane | undefined {
  const rest = difference(picture, fitPaper(picture, guess));
  const direction = inkDirection(rest, invert);
  if (direction === undefined) return undefined;
  const { width, height } = picture;
  const ink = new Float32Array(width * height);
  for (let i = 0; i < ink.length; i++) ink[i] = dot(rest, i * 3, direction);
  const peak = peakOf(ink, Math.max(3, Math.round(ink.length / 4000)), 442);
  if (peak < FAINTEST) return undefined;
  for (let i = 0; i < ink.length; i++) {
    const share = ((ink[i] ?? 0) / peak - NO_INK) / (FULL_INK - NO_INK);
    ink[i] = Math.min(1, Math.max(0, share));
  }
  return { width, height, data: ink };
}

/** The paper's coefficients: those of red, then green, then blue. */
function fitPaper(picture: Picture, guess: Guess): Float64Array {
  let chosen = guess;
  let paper = fitSurface(picture, chosen.pixels);
  const step = Math.max(1, Math.floor((picture.width * picture.height) / SAMPLES));
  for (let round = 0; round < 3; round++) {
    const near: number[] = [];
    for (let i = 0; i < picture.width * picture.height; i += step) {
      if (distance(picture, paper, i) < chosen.tolerance) near.push(i);
    }
    if (near.length < 3 * TERMS) break;
    paper = fitSurface(picture, near);
    chosen = { pixels: near, tolerance: Math.max(12, chosen.tolerance * 0.7) };
  }
  return paper;
}

interface Guess {
  readonly pixels: number[];
  readonly tolerance: number;
}

/** The pixels that are likely paper: those whose colour is near the one of this rank (0 darkest, 1 brightest) on the border, or in all of the picture. */
function firstGuess(picture: Picture, where: 'border' | 'all', rank: number): Guess {
  const { width, height } = picture;
  const candidates: number[] = [];
  const step = Math.max(1, Math.floor((width * height) / SAMPLES));
  if (where === 'border') {
    for (let x = 0; x < width; x++) candidates.push(x, (height - 1) * width + x);
    for (let y = 1; y < height - 1; y++) candidates.push(y * width, y * width + width - 1);
  } else {
    for (let i = 0; i < width * height; i += step) candidates.push(i);
  }
  const centre = [0, 1, 2].map((c) =>
    ranked(
      candidates.map((i) => picture.data[i * 3 + c] ?? 0),
      rank,
    ),
  );
  const away = candidates.map((i) => Math.hypot(...centre.map((level, c) => (picture.data[i * 3 + c] ?? 0) - level)));
  const typical = where === 'border' ? ranked(away, 0.5) : 0;
  const tolerance = 3 * typical + 12;
  return { pixels: candidates.filter((_, k) => (away[k] ?? 0) <= tolerance), tolerance };
}

function ranked(values: number[], rank: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * rank))] ?? 0;
}

/** The position of a pixel in a row or column of `length`: -1 for the first, 1 for the last. */
function across(index: number, length: number): number {
  return length === 1 ? 0 : (2 * index) / (length - 1) - 1;
}

/** Computes the terms 1, x, y, x², xy and y² of a pixel, where x and y are -1..1. In a small picture only the term 1 is used, and the others are 0. */
function terms(picture: Picture, index: number, into: Float64Array): void {
  into.fill(0);
  into[0] = 1;
  if (picture.width < 16 || picture.height < 16) return;
  const column = index % picture.width;
  const x = across(column, picture.width);
  const y = across((index - column) / picture.width, picture.height);
  into[1] = x;
  into[2] = y;
  into[3] = x * x;
  into[4] = x * y;
  into[5] = y * y;
}

/** Fits the paper's coefficients to the pixels: least squares, with a weak ridge penalty that keeps the surface flat where there are no pixels. */
function fitSurface(picture: Picture, pixels: readonly number[]): Float64Array {
  const columns = TERMS + 3;
  const table = new Float64Array(TERMS * columns);
  const term = new Float64Array(TERMS);
  for (const index of pixels) {
    terms(picture, index, term);
    for (let row = 0; row < TERMS; row++) {
      const factor = term[row] ?? 0;
      for (let k = 0; k < TERMS; k++) add(table, row * columns + k, factor * (term[k] ?? 0));
      for (let c = 0; c < 3; c++) add(table, row * columns + TERMS + c, factor * (picture.data[index * 3 + c] ?? 0));
    }
  }
  for (let row = 0; row < TERMS; row++) add(table, row * columns + row, row === 0 ? 1e-6 : 1e-3 * (pixels.length + 1));
  return solve(table, columns);
}

/** Solves the equations by Gauss-Jordan elimination. It needs no pivoting, because the matrix is symmetric and positive definite. */
function solve(table: Float64Array, columns: number): Float64Array {
  for (let pivot = 0; pivot < TERMS; pivot++) {
    const scale = table[pivot * columns + pivot] ?? 1;
    for (let k = 0; k < columns; k++) table[pivot * columns + k] = (table[pivot * columns + k] ?? 0) / scale;
    for (let row = 0; row < TERMS; row++) {
      const factor = table[row * columns + pivot] ?? 0;
      if (row === pivot || factor === 0) continue;
      for (let k = 0; k < columns; k++) add(table, row * columns + k, -factor * (table[pivot * columns + k] ?? 0));
    }
  }
  const result = new Float64Array(3 * TERMS);
  for (let c = 0; c < 3; c++) {
    for (let row = 0; row < TERMS; row++) result[c * TERMS + row] = table[row * columns + TERMS + c] ?? 0;
  }
  return result;
}

function add(values: Float64Array | Float32Array, index: number, amount: number): void {
  values[index] = (values[index] ?? 0) + amount;
}

const scratch = new Float64Array(TERMS);

function distance(picture: Picture, paper: Float64Array, index: number): number {
  terms(picture, index, scratch);
  let sum = 0;
  for (let c = 0; c < 3; c++) sum += ((picture.data[index * 3 + c] ?? 0) - level(paper, c, scratch)) ** 2;
  return Math.sqrt(sum);
}

function level(paper: Float64Array, channel: number, term: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < TERMS; k++) sum += (paper[channel * TERMS + k] ?? 0) * (term[k] ?? 0);
  return sum;
}

/** The picture minus the paper: three values per pixel, in levels of 0 to 255. */
function difference(picture: Picture, paper: Float64Array): Float32Array {
  const { width, height, data } = picture;
  const rest = new Float32Array(data.length);
  for (let c = 0; c < 3; c++) {
    for (let row = 0; row < height; row++) {
      // Within a row the surface is a parabola in x.
      const y = across(row, height);
      const at = (term: number): number => paper[c * TERMS + term] ?? 0;
      const [p, q, r] = [at(0) + at(2) * y + at(5) * y * y, at(1) + at(4) * y, at(3)];
      for (let column = 0; column < width; column++) {
        const x = across(column, width);
        const index = (row * width + column) * 3 + c;
        rest[index] = (data[index] ?? 0) - (p + q * x + r * x * x);
      }
    }
  }
  return rest;
}

type Colour = readonly [number, number, number];

/** The direction in colour space, of length 1, in which the ink differs from the paper. Strong differences count most. */
function inkDirection(rest: Float32Array, invert: Invert): Colour | undefined {
  const darker: [number, number, number] = [0, 0, 0];
  const lighter: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < rest.length; i += 3) {
    const [r, g, b] = [rest[i] ?? 0, rest[i + 1] ?? 0, rest[i + 2] ?? 0];
    const square = r * r + g * g + b * b;
    const weight = square * Math.sqrt(square);
    const sum = r + g + b < 0 ? darker : lighter;
    sum[0] += weight * r;
    sum[1] += weight * g;
    sum[2] += weight * b;
  }
  const isDark = invert === 'auto' ? Math.hypot(...darker) > Math.hypot(...lighter) : invert;
  const [r, g, b] = isDark ? darker : lighter;
  const length = Math.hypot(r, g, b);
  return length === 0 ? undefined : [r / length, g / length, b / length];
}

function dot(values: Float32Array, at: number, [r, g, b]: Colour): number {
  return (values[at] ?? 0) * r + (values[at + 1] ?? 0) * g + (values[at + 2] ?? 0) * b;
}
