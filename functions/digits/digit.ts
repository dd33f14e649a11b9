import type { Plane } from './plane.js';
import { grow, peakOf, resample } from './plane.js';

/** The sides, in pixels, of the model's input and of the box in it that the digit fills, as in MNIST. */
export const SIDE = 28;
const BOX = 20;

/** Largest length of the digit's longer side, in pixels: larger digits are reduced, because more pixels add nothing. */
const ENOUGH = 8 * BOX;
/** Widths of strokes in pixels of the box: thinner strokes are widened, thicker ones are thinned. */
const THINNEST = 1.6;
const THICKEST = 4.2;
/** Ink, 0..1, above which a pixel belongs to a stroke and not to its soft edge. */
const STROKE = 0.3;
/** Smallest share of the largest piece's ink that a piece may have: a smaller piece is a speck, and is removed. */
const SPECK = 0.04;
/** Smallest share of all ink that the largest piece may have: with less, the picture is all grain and has no digit. */
const GRAIN = 0.1;
/** A piece that runs from one side of the picture to the other is a ruled line if more than this share of all ink lies elsewhere. */
const ELSEWHERE = 0.15;

/**
 * Converts ink (0..1 per pixel, any size) to the model's input, as the pictures of MNIST were made: without specks,
 * its longer side 20 pixels, its centre of mass in the middle of 28 by 28 pixels. Values are 0..1. Returns undefined when
 * no ink is left.
 */
export function drawDigit(ink: Plane): Float32Array | undefined {
  const kept = keepStrokes(ink);
  if (kept === undefined) return undefined;
  const drawn = withinReach(kept);
  const strokes = grow(drawn.ink, widening(drawn.extent));
  const extent = strokes === drawn.ink ? drawn.extent : measure(strokes);
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

/** Reduces a digit that is larger than `ENOUGH`, and cuts off the empty space around it. */
function withinReach(ink: Plane): Measured {
  const extent = measure(ink);
  const side = longerSide(extent);
  if (side <= ENOUGH) return { ink, extent };
  const x = (extent.left + extent.right) / 2;
  const y = (extent.top + extent.bottom) / 2;
  const reduced = resample(ink, { x, y, pixel: side / ENOUGH }, ENOUGH + 4);
  return { ink: reduced, extent: measure(reduced) };
}

function longerSide({ left, right, top, bottom }: Extent): number {
  return Math.max(right - left, bottom - top);
}

function within(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

interface Measured {
  readonly ink: Plane;
  readonly extent: Extent;
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
  /** Number of sides of stroke pixels that have no stroke pixel beside them. */
  readonly outline: number;
}

function measure({ width, height, data }: Plane): Extent {
  let [left, top, right, bottom, x, y, mass, outline] = [width, height, 0, 0, 0, 0, 0, 0];
  for (let row = 0, index = 0; row < height; row++) {
    for (let column = 0; column < width; column++, index++) {
      const value = data[index] ?? 0;
      if (value === 0) continue;
      mass += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
      if (value <= STROKE) continue;
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row + 1);
      if (column === 0 || (data[index - 1] ?? 0) <= STROKE) outline++;
      if (column === width - 1 || (data[index + 1] ?? 0) <= STROKE) outline++;
      if (row === 0 || (data[index - width] ?? 0) <= STROKE) outline++;
      if (row === height - 1 || (data[index + width] ?? 0) <= STROKE) outline++;
    }
  }
  return { left, top, right, bottom, x: x / mass, y: y / mass, mass, outline };
}

/** The radius, in pixels, by which strokes have to be widened to be like those of a pen; negative: thinned. */
function widening(extent: Extent): number {
  const pixel = longerSide(extent) / BOX;
  // A stroke has two sides, and counted in sides of pixels its outline is 4/π times as long, on average.
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

/** The ink without specks and ruled lines; undefined if nothing is left. */
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
  for (let index = 0; index < labels.length; index++) {
    const name = labels[index] ?? 0;
    if (name === 0 || !isKept[name]) continue;
    // The pixels around a stroke are its soft edge.
    const column = index % width;
    const row = (index - column) / width;
    for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
      for (let near = y * width + Math.max(0, column - 1); near <= y * width + Math.min(width - 1, column + 1); near++) {
        result[near] = data[near] ?? 0;
      }
    }
  }
  return { width, height, data: result };
}

/** Numbers the connected pieces of strokes from 1; pixels that touch at a corner are connected. 0 is no stroke. */
function label({ width, height, data }: Plane): { labels: Int32Array; pieces: Piece[] } {
  const labels = new Int32Array(data.length);
  const pieces: Piece[] = [];
  const waiting: number[] = [];
  for (let start = 0; start < data.length; start++) {
    if ((data[start] ?? 0) <= STROKE || labels[start] !== 0) continue;
    const piece = { mass: 0, left: false, right: false, top: false, bottom: false };
    pieces.push(piece);
    labels[start] = pieces.length;
    waiting.push(start);
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      const column = index % width;
      const row = (index - column) / width;
      piece.mass += data[index] ?? 0;
      piece.left ||= column === 0;
      piece.right ||= column === width - 1;
      piece.top ||= row === 0;
      piece.bottom ||= row === height - 1;
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
        for (let near = y * width + Math.max(0, column - 1); near <= y * width + Math.min(width - 1, column + 1); near++) {
          if ((data[near] ?? 0) <= STROKE || labels[near] !== 0) continue;
          labels[near] = pieces.length;
          waiting.push(near);
        }
      }
    }
  }
  return { labels, pieces };
}
