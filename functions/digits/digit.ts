import type { Plane } from './plane.js';
import { grow, peakOf, resample } from './plane.js';

/** The side, in pixels, of what the model looks at, and of the box in it that the digit fills, as in MNIST. */
export const SIDE = 28;
const BOX = 20;

/** A stroke's width in pixels of the box: thinner ones are grown, thicker ones are thinned. */
const THINNEST = 1.6;
const THICKEST = 4.2;
/** Ink, 0..1, that belongs to a stroke rather than to its soft edge. */
const STROKE = 0.3;
/** A piece with a smaller share of the largest piece's ink is a speck. */
const SPECK = 0.04;
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
  const extent = measure(kept);
  const strokes = grow(kept, widening(extent));
  const box = measure(strokes);
  const length = Math.max(box.right - box.left, box.bottom - box.top);
  if (length <= 0 || box.mass <= 0) return undefined;
  const pixel = length / BOX;
  const window = {
    x: within(box.x, box.right - (SIDE / 2) * pixel, box.left + (SIDE / 2) * pixel),
    y: within(box.y, box.bottom - (SIDE / 2) * pixel, box.top + (SIDE / 2) * pixel),
    pixel,
  };
  const { data } = resample(strokes, window, SIDE);
  const peak = peakOf(data, 16, 1);
  if (peak <= 0) return undefined;
  return data.map((value) => Math.min(1, value / peak));
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
function widening({ left, top, right, bottom, mass, outline }: Extent): number {
  const pixel = Math.max(right - left, bottom - top) / BOX;
  // A stroke has two sides, and pixels make its outline 4/π times as long on average.
  const stroke = (mass / Math.max(1, outline)) * 2 * (4 / Math.PI);
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

/** The same ink without specks and ruled lines; undefined when there is none. */
function keepStrokes(ink: Plane): Plane | undefined {
  const { width, height, data } = ink;
  const { labels, pieces } = label(ink);
  const total = pieces.reduce((sum, piece) => sum + piece.mass, 0);
  const isDigit = pieces.filter((piece) => {
    const crosses = (piece.left && piece.right) || (piece.top && piece.bottom);
    return !(crosses && total - piece.mass > ELSEWHERE * total);
  });
  const largest = isDigit.reduce((most, piece) => Math.max(most, piece.mass), 0);
  if (largest === 0) return undefined;
  const kept = new Set(isDigit.filter((piece) => piece.mass >= SPECK * largest));
  const isKept = pieces.map((piece) => kept.has(piece));
  const mask = new Float32Array(data.length);
  for (const [i, name] of labels.entries()) mask[i] = name > 0 && (isKept[name - 1] ?? false) ? 1 : 0;
  // One pixel more, for the soft edge of the strokes.
  const wider = grow({ width, height, data: mask }, 1);
  return { width, height, data: data.map((value, i) => value * (wider.data[i] ?? 0)) };
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
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
        for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) visit(y * width + x);
      }
    }
  }
  return { labels, pieces };
}
