import type { Picture } from './picture.js';

/** The terms of a channel's brightness are 1, x, y, x², xy and y²: the powers of x and of y in each. */
const POWER_OF_X = Uint8Array.of(0, 1, 0, 2, 1, 0);
const POWER_OF_Y = Uint8Array.of(0, 0, 1, 0, 1, 2);
export const TERMS = POWER_OF_X.length;
/** A row of the equations has the factors of the coefficients, then the sums for red, green and blue. */
const COLUMNS = TERMS + 3;
/** Pixels of a side that is too short to show how the brightness changes: the surface is even. */
const SHORT = 16;

/** A colour for each place of a picture that changes smoothly, as that of paper does: a polynomial of the second degree for each channel. */
export class Surface {
  readonly #picture: Picture;
  /** The positions of the columns and of the rows, -1 to 1. */
  readonly #x: Float64Array;
  readonly #y: Float64Array;
  /** The coefficients of red, then green, then blue. */
  #coefficients: Float64Array = new Float64Array(3 * TERMS);

  constructor(picture: Picture) {
    const isEven = picture.width < SHORT || picture.height < SHORT;
    this.#picture = picture;
    this.#x = positions(picture.width, isEven);
    this.#y = positions(picture.height, isEven);
  }

  /** Fits the surface to these pixels: least squares, with a weak ridge penalty that keeps it flat where there are no pixels. */
  fit(pixels: Int32Array): void {
    const { width, data } = this.#picture;
    const table = new Float64Array(TERMS * COLUMNS);
    // Sums over the pixels of a row: x to the power of 0 to 4, then each channel times x to the power of 0 to 2.
    const sums = new Float64Array(5 + 3 * 3);
    for (let i = 0; i < pixels.length; ) {
      const row = Math.floor((pixels[i] ?? 0) / width);
      const start = row * width;
      sums.fill(0);
      for (; i < pixels.length; i++) {
        const index = pixels[i] ?? 0;
        if (index < start || index >= start + width) break;
        const x = this.#x[index - start] ?? 0;
        for (let power = 0, value = 1; power < 5; power++, value *= x) add(sums, power, value);
        for (let c = 0; c < 3; c++) {
          const level = data[index * 3 + c] ?? 0;
          add(sums, 5 + c * 3, level);
          add(sums, 6 + c * 3, level * x);
          add(sums, 7 + c * 3, level * x * x);
        }
      }
      addRow(table, sums, this.#y[row] ?? 0);
    }
    this.#coefficients = solve(table, 1e-3 * (pixels.length + 1));
  }

  /** Finds the pixels whose colour is nearer to the surface's than `tolerance`, in levels of 0 to 255. The pixels must be in order. */
  findNear(pixels: Int32Array, tolerance: number): Int32Array {
    const { width, data } = this.#picture;
    const curve = new Float64Array(9);
    const near = new Int32Array(pixels.length);
    let end = 0;
    let count = 0;
    for (let i = 0; i < pixels.length; i++) {
      const index = pixels[i] ?? 0;
      if (index >= end) {
        const row = Math.floor(index / width);
        this.#alongRow(row, curve);
        end = (row + 1) * width;
      }
      const x = this.#x[index - end + width] ?? 0;
      let square = 0;
      for (let c = 0; c < 3; c++) {
        const away = (data[index * 3 + c] ?? 0) - at(curve, c, x);
        square += away * away;
      }
      if (square < tolerance * tolerance) near[count++] = index;
    }
    return near.subarray(0, count);
  }

  /** The picture minus the surface: three values per pixel, in levels of 0 to 255. */
  difference(): Float32Array {
    const { width, height, data } = this.#picture;
    const curve = new Float64Array(9);
    const rest = new Float32Array(data.length);
    for (let row = 0, i = 0; row < height; row++) {
      this.#alongRow(row, curve);
      for (let column = 0; column < width; column++, i += 3) {
        const x = this.#x[column] ?? 0;
        for (let c = 0; c < 3; c++) rest[i + c] = (data[i + c] ?? 0) - at(curve, c, x);
      }
    }
    return rest;
  }

  /** Computes what the surface is along a row: for each channel a parabola in x, of three coefficients. */
  #alongRow(row: number, curve: Float64Array): void {
    const y = this.#y[row] ?? 0;
    const of = (index: number): number => this.#coefficients[index] ?? 0;
    for (let c = 0; c < 3; c++) {
      const first = c * TERMS;
      curve[c * 3] = of(first) + of(first + 2) * y + of(first + 5) * y * y;
      curve[c * 3 + 1] = of(first + 1) + of(first + 4) * y;
      curve[c * 3 + 2] = of(first + 3);
    }
  }
}

function at(curve: Float64Array, channel: number, x: number): number {
  return (curve[channel * 3] ?? 0) + (curve[channel * 3 + 1] ?? 0) * x + (curve[channel * 3 + 2] ?? 0) * x * x;
}

/** Adds a row's sums, at the position `y`, to the equations. They are symmetric: what lies left of the diagonal is left out. */
function addRow(table: Float64Array, sums: Float64Array, y: number): void {
  const powers = Float64Array.of(1, y, y * y, y * y * y, y * y * y * y);
  for (let row = 0; row < TERMS; row++) {
    const [ofX, ofY] = [POWER_OF_X[row] ?? 0, POWER_OF_Y[row] ?? 0];
    for (let k = row; k < TERMS; k++) {
      add(table, row * COLUMNS + k, (sums[ofX + (POWER_OF_X[k] ?? 0)] ?? 0) * (powers[ofY + (POWER_OF_Y[k] ?? 0)] ?? 0));
    }
    for (let c = 0; c < 3; c++) add(table, row * COLUMNS + TERMS + c, (sums[5 + c * 3 + ofX] ?? 0) * (powers[ofY] ?? 0));
  }
}

/** The positions in a row or column of `length`: -1 for the first, 1 for the last; all 0 for an even surface. */
function positions(length: number, isEven: boolean): Float64Array {
  const result = new Float64Array(length);
  for (let i = 0; i < length && !isEven; i++) result[i] = (2 * i) / (length - 1) - 1;
  return result;
}

/** Solves the equations by Gauss-Jordan elimination, and returns the coefficients of red, then green, then blue. It needs no pivoting, because the factors are symmetric and positive definite. */
function solve(table: Float64Array, ridge: number): Float64Array {
  for (let row = 0; row < TERMS; row++) {
    for (let k = 0; k < row; k++) table[row * COLUMNS + k] = table[k * COLUMNS + row] ?? 0;
    add(table, row * COLUMNS + row, row === 0 ? 1e-6 : ridge);
  }
  for (let pivot = 0; pivot < TERMS; pivot++) {
    const scale = table[pivot * COLUMNS + pivot] ?? 1;
    for (let k = 0; k < COLUMNS; k++) table[pivot * COLUMNS + k] = (table[pivot * COLUMNS + k] ?? 0) / scale;
    for (let row = 0; row < TERMS; row++) {
      const factor = table[row * COLUMNS + pivot] ?? 0;
      if (row === pivot || factor === 0) continue;
      for (let k = 0; k < COLUMNS; k++) add(table, row * COLUMNS + k, -factor * (table[pivot * COLUMNS + k] ?? 0));
    }
  }
  const result = new Float64Array(3 * TERMS);
  for (let c = 0; c < 3; c++) {
    for (let row = 0; row < TERMS; row++) result[c * TERMS + row] = table[row * COLUMNS + TERMS + c] ?? 0;
  }
  return result;
}

function add(values: Float64Array, index: number, amount: number): void {
  values[index] = (values[index] ?? 0) + amount;
}
