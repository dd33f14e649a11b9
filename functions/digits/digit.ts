import type { Plane } from './plane.js';
import { grow, peakOf, resample } from './plane.js';

/** The side, in pixels, of what the model looks at, and of the box in it that the digit fills, as in MNIST. */
export const SIDE = 28;
const BOX = 20;

/** More pixels to the digit's longer side than this tell nothing more. */
const ENOUGH = 8 * BOX;
/** A stroke's width in pixels of the box: thinner ones are grown, thicker ones are thinned. */
const THINNEST = 1.6;
const THICKEST = 4.2;
/** Ink, 0..1, that belongs to a stroke rather than to its soft edge. */
const STROKE = 0.3;
/** A piece with a smaller share of the largest piece's ink is a speck. */
const SPECK = 0.04;
/** Where the largest piece has a smaller share of all ink, it is grain, and no digit. */
const GRAIN = 0.1;
/** What runs from one side of the picture to the other is a ruled line if so much of all ink lies elsewhere. */
const ELSEWHERE = 0.15;

/**
 * Makes of ink (0..1 a pixel, any size) the picture that the model reads, the way MNIST's were made: without specks,
 * its longer side 20 pixels, the centre of its mass in the middle of 28 by 28. Values are 0..1. Returns undefined when
 * no ink is left.
 */
export function drawDigit(ink: Plane): Float32Array | undefined {
  const kept = keepStrokes(ink);
  if (kept === undefined) return undefined;
  const drawn = withinReach(kept);
  const strokes = grow(drawn, widening(measure(drawn)));
  const extent = measure(strokes);
  if (extent.mass <= 0) return undefined;
  const pixel = longerSide(extent) / BOX;
  const reach = (SIDE / 2) * pixel;
  const window = {
    x: within(extent.x, extent.right - reach, extent.left + reach),
    y: within(extent.y, extent.bottom - reach, extent.top + reach),
    pixel,
  };
  const { data } = resample(strokes, window, SIDE);
  const peak = peakOf(data, 16, 1);
  if (peak <= 0) return undefined;
  return data.map((value) => Math.min(1, value / peak));
}

/** Reduces what is larger than `ENOUGH`, and leaves out what is around it. */
function withinReach(ink: Plane): Plane {
  const extent = measure(ink);
  const side = longerSide(extent);
  if (side <= ENOUGH) return ink;
  const x = (extent.left + extent.right) / 2;
  const y = (extent.top + extent.bottom) / 2;
  return resample(ink, { x, y, pixel: side / ENOUGH }, ENOUGH + 4);
}

function longerSide({ left, right, top, bottom }: Extent): number {
  return Math.max(right - left, bottom - top);
}

function within(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

interface Extent {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** The centre of mass. */
  readonly x: number;
  readonly y: number;
  readonly mass: number;
  /** Sides of stroke pixels that face no stroke pixel. */
  readonly outline: number;
}

function measure({ width, height, data }: Plane): Extent {
  let [left, top, right, bottom, x, y, mass, outline] = [width, height, 0, 0, 0, 0, 0, 0];
  const isStroke = (column: number, row: number): boolean =>
    column >= 0 && column < width && row >= 0 && row < height && (data[row * width + column] ?? 0) > STROKE;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = data[row * width + column] ?? 0;
      if (value === 0) continue;
      mass += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
      if (value <= STROKE) continue;
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row + 1);
      if (!isStroke(column - 1, row)) outline++;
      if (!isStroke(column + 1, row)) outline++;
      if (!isStroke(column, row - 1)) outline++;
      if (!isStroke(column, row + 1)) outline++;
    }
  }
  return { left, top, right, bottom, x: x / mass, y: y / mass, mass, outline };
}

/** The radius, in pixels, by which to grow (or, negative, to thin) strokes that are unlike a pen's. */
function widening(extent: Extent): number {
  const pixel = longerSide(extent) / BOX;
  // A stroke has two sides, and pixels make its outline 4/π times as long on average.
  const stroke = (extent.mass / Math.max(1, extent.outline)) * 2 * (4 / Math.PI);
  if (stroke < THINNEST * pixel) return Math.round((THINNEST * pixel - stroke) / 2);
  if (stroke > THICKEST * pixel) return -Math.round((stroke - THICKEST * pixel) / 2);
  return 0;
}

interface Piece {
  mass: number;
  left: boolean;
  right: boolean;
  top: boolean;
  bottom: boolean;
}

/** The ink without specks and ruled lines; undefined when there is none. */
function keepStrokes(ink: Plane): Plane | undefined {
  const { width, height, data } = ink;
  const { labels, pieces } = label(ink);
  const total = pieces.reduce((sum, piece) => sum + piece.mass, 0);
  const isDigit = pieces.filter((piece) => {
    const crosses = (piece.left && piece.right) || (piece.top && piece.bottom);
    return !(crosses && total - piece.mass > ELSEWHERE * total);
  });
  const largest = isDigit.reduce((most, piece) => Math.max(most, piece.mass), 0);
  if (largest === 0 || largest < GRAIN * total) return undefined;
  const kept = new Set(isDigit.filter((piece) => piece.mass >= SPECK * largest));
  const isKept = [false, ...pieces.map((piece) => kept.has(piece))];
  const result = new Float32Array(data.length);
  for (const [index, name] of labels.entries()) {
    if (!(isKept[name] ?? false)) continue;
    // With the pixels around it, for the soft edge of the strokes.
    for (const near of around(index, width, height)) result[near] = data[near] ?? 0;
  }
  return { width, height, data: result };
}

/** The pixel itself and its neighbours, corners included. */
function around(index: number, width: number, height: number): number[] {
  const column = index % width;
  const row = (index - column) / width;
  const result: number[] = [];
  for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) result.push(y * width + x);
  }
  return result;
}

/** Numbers the pieces of ink that hang together, corners included, from 1; 0 is no stroke. */
function label({ width, height, data }: Plane): { labels: Int32Array; pieces: Piece[] } {
  const labels = new Int32Array(data.length);
  const pieces: Piece[] = [];
  const waiting: number[] = [];
  const visit = (index: number): void => {
    if (labels[index] !== 0 || (data[index] ?? 0) <= STROKE) return;
    labels[index] = pieces.length;
    waiting.push(index);
  };
  for (let start = 0; start < data.length; start++) {
    if (labels[start] !== 0 || (data[start] ?? 0) <= STROKE) continue;
    const piece = { mass: 0, left: false, right: false, top: false, bottom: false };
    pieces.push(piece);
    visit(start);
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      const column = index % width;
      const row = (index - column) / width;
      piece.mass += data[index] ?? 0;
      piece.left ||= column === 0;
      piece.right ||= column === width - 1;
      piece.top ||= row === 0;
      piece.bottom ||= row === height - 1;
      for (const near of around(index, width, height)) visit(near);
    }
  }
  return { labels, pieces };
}
