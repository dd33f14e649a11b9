import type { Picture } from './picture.js';
import type { Plane } from './plane.js';
import { peakOf } from './plane.js';
import { Surface, TERMS } from './surface.js';

/** Whether the ink is darker than the paper; `auto`: decided by the picture, in which the ink is what differs most from the paper. */
export type Invert = boolean | 'auto';

/** Least contrast of ink with the paper, in levels of 0 to 255. A picture with less is blank. */
const FAINTEST = 24;
/** Shares of the strongest ink: a pixel up to the first has no ink (0), one from the second on has full ink (1). */
const NO_INK = 0.25;
const FULL_INK = 0.8;
/** Largest share of a picture that the ink of a digit covers. */
const MOSTLY = 0.6;
/** Pixels that are enough to know the paper by: of a larger picture about as many are looked at, evenly spread. */
const SAMPLES = 1024;

/**
 * The amount of ink at each pixel, 0..1: how far its colour differs from the paper's in the direction of the ink's colour.
 * The paper's colour may change smoothly over the picture. Returns undefined when nothing differs enough: a blank
 * picture.
 */
export function findInk(picture: Picture, invert: Invert): Plane | undefined {
  const everywhere = sampled(picture);
  if (invert !== 'auto') return inkOn(picture, everywhere, nearRank(picture, everywhere, invert ? 0.9 : 0.1), invert);
  const ink = inkOn(picture, everywhere, alongBorder(picture), invert);
  if (ink === undefined || !coversMost(ink)) return ink;
  // So much is no digit: the border is a frame, and the paper is the colour of most of the picture.
  return inkOn(picture, everywhere, nearRank(picture, everywhere, 0.5), invert);
}

function coversMost({ data }: Plane): boolean {
  let inked = 0;
  for (let i = 0; i < data.length; i++) if ((data[i] ?? 0) > 0.5) inked++;
  return inked > MOSTLY * data.length;
}

function inkOn(picture: Picture, everywhere: Int32Array, guess: Guess, invert: Invert): Plane | undefined {
  const rest = fitPaper(picture, everywhere, guess).difference();
  const direction = inkDirection(rest, invert);
  if (direction === undefined) return undefined;
  const [r, g, b] = direction;
  const { width, height } = picture;
  const ink = new Float32Array(width * height);
  for (let i = 0, k = 0; i < ink.length; i++, k += 3) ink[i] = (rest[k] ?? 0) * r + (rest[k + 1] ?? 0) * g + (rest[k + 2] ?? 0) * b;
  const peak = peakOf(ink, Math.max(3, Math.round(ink.length / 4000)), 442);
  if (peak < FAINTEST) return undefined;
  for (let i = 0; i < ink.length; i++) {
    const above = (ink[i] ?? 0) / peak - NO_INK;
    ink[i] = above <= 0 ? 0 : Math.min(1, above / (FULL_INK - NO_INK));
  }
  return { width, height, data: ink };
}

/** The paper, fitted to the guess and then, up to three times, to all pixels that are near what was fitted. */
function fitPaper(picture: Picture, everywhere: Int32Array, guess: Guess): Surface {
  const paper = new Surface(picture);
  paper.fit(guess.pixels);
  let { pixels, tolerance } = guess;
  for (let round = 0; round < 3; round++) {
    const near = paper.findNear(everywhere, tolerance);
    const narrower = Math.max(12, tolerance * 0.7);
    if (near.length < 3 * TERMS) break;
    // On even paper the next rounds would find the same pixels, and so fit the same surface.
    if (areSame(near, pixels)) {
      if (narrower === tolerance) break;
    } else paper.fit(near);
    pixels = near;
    tolerance = narrower;
  }
  return paper;
}

function areSame(one: Int32Array, other: Int32Array): boolean {
  return one.length === other.length && one.every((index, k) => index === other[k]);
}

/** The pixels that are likely paper, and how far from its colour others may be, in levels of 0 to 255. */
interface Guess {
  readonly pixels: Int32Array;
  readonly tolerance: number;
}

/** Indexes of pixels all over the picture. */
function sampled({ width, height }: Picture): Int32Array {
  const step = Math.max(1, Math.floor((width * height) / SAMPLES));
  const result = new Int32Array(Math.ceil((width * height) / step));
  for (let i = 0; i < result.length; i++) result[i] = i * step;
  return result;
}

/** Guesses that the paper is the typical colour on the border. Uneven light counts as paper: half of the border at least. */
function alongBorder(picture: Picture): Guess {
  const { width, height } = picture;
  const border = new Int32Array(2 * width + 2 * Math.max(0, height - 2));
  let count = 0;
  for (let x = 0; x < width; x++) border[count++] = x;
  for (let y = 1; y < height - 1; y++) {
    border[count++] = y * width;
    border[count++] = y * width + width - 1;
  }
  for (let x = 0; x < width; x++) border[count++] = (height - 1) * width + x;
  const away = distances(picture, border, 0.5);
  const tolerance = 3 * ranked(away.slice(), 0.5) + 12;
  return { pixels: border.filter((_, k) => (away[k] ?? 0) <= tolerance), tolerance };
}

/** Guesses that the paper is the colour of this rank (0 darkest, 1 brightest). */
function nearRank(picture: Picture, candidates: Int32Array, rank: number): Guess {
  const away = distances(picture, candidates, rank);
  return { pixels: candidates.filter((_, k) => (away[k] ?? 0) <= 12), tolerance: 12 };
}

/** How far the colour of each pixel is from the one of this rank among them. */
function distances({ data }: Picture, pixels: Int32Array, rank: number): Float64Array {
  const squares = new Float64Array(pixels.length);
  const levels = new Uint8Array(pixels.length);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < pixels.length; i++) levels[i] = data[(pixels[i] ?? 0) * 3 + c] ?? 0;
    const centre = ranked(levels, rank);
    for (let i = 0; i < pixels.length; i++) {
      const away = (data[(pixels[i] ?? 0) * 3 + c] ?? 0) - centre;
      squares[i] = (squares[i] ?? 0) + away * away;
    }
  }
  return squares.map(Math.sqrt);
}

/** The value of this rank, 0 (least) to 1 (greatest). Sorts the values in their place. */
function ranked(values: Uint8Array | Float64Array, rank: number): number {
  values.sort();
  return values[Math.min(values.length - 1, Math.floor(values.length * rank))] ?? 0;
}

type Colour = readonly [number, number, number];

/** The direction in colour space, of length 1, in which the ink differs from the paper. Strong differences count most. */
function inkDirection(rest: Float32Array, invert: Invert): Colour | undefined {
  const darker = new Float64Array(3);
  const lighter = new Float64Array(3);
  for (let i = 0; i < rest.length; i += 3) {
    const r = rest[i] ?? 0;
    const g = rest[i + 1] ?? 0;
    const b = rest[i + 2] ?? 0;
    const square = r * r + g * g + b * b;
    const weight = square * Math.sqrt(square);
    const sum = r + g + b < 0 ? darker : lighter;
    sum[0] = (sum[0] ?? 0) + weight * r;
    sum[1] = (sum[1] ?? 0) + weight * g;
    sum[2] = (sum[2] ?? 0) + weight * b;
  }
  const isDark = invert === 'auto' ? Math.hypot(...darker) > Math.hypot(...lighter) : invert;
  const [r = 0, g = 0, b = 0] = isDark ? darker : lighter;
  const length = Math.hypot(r, g, b);
  return length === 0 ? undefined : [r / length, g / length, b / length];
}
