/** A picture with one value per pixel, row by row. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/**
 * The mean of the `count` largest values, or of all if there are fewer: a peak that does not depend on a single pixel.
 * Values are rounded to 1,024 steps from 0 to `limit`.
 */
export function peakOf(values: Float32Array, count: number, limit: number): number {
  const bins = new Uint32Array(1024);
  const step = limit / 1023;
  for (const value of values) {
    const bin = Math.min(1023, Math.max(0, Math.round(value / step)));
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  let left = Math.min(count, values.length);
  const wanted = left;
  let sum = 0;
  for (let bin = 1023; bin >= 0 && left > 0; bin--) {
    const taken = Math.min(left, bins[bin] ?? 0);
    sum += taken * bin * step;
    left -= taken;
  }
  return wanted === 0 ? 0 : sum / wanted;
}

/**
 * Widens (`radius` > 0) or thins (`radius` < 0) bright areas, by a square of 2·|radius| + 1 pixels. Returns the plane
 * itself when the radius is 0. Outside of the plane values are 0.
 */
export function grow(plane: Plane, radius: number): Plane {
  if (radius === 0) return plane;
  const { width, height, data } = plane;
  const across = new Float32Array(data.length);
  const result = new Float32Array(data.length);
  slide(data, across, { lines: height, length: width, lineStep: width, step: 1 }, radius);
  slide(across, result, { lines: width, length: height, lineStep: 1, step: width }, radius);
  return { width, height, data: result };
}

interface Walk {
  readonly lines: number;
  readonly length: number;
  readonly lineStep: number;
  readonly step: number;
}

function slide(from: Float32Array, to: Float32Array, walk: Walk, radius: number): void {
  const reach = Math.abs(radius);
  for (let line = 0; line < walk.lines; line++) {
    const start = line * walk.lineStep;
    for (let i = 0; i < walk.length; i++) {
      let value = from[start + i * walk.step] ?? 0;
      for (let k = i - reach; k <= i + reach; k++) {
        const other = k < 0 || k >= walk.length ? 0 : (from[start + k * walk.step] ?? 0);
        if (radius > 0 ? other > value : other < value) value = other;
      }
      to[start + i * walk.step] = value;
    }
  }
}

/** The place of a square window on a plane: its centre in pixels of the plane, and how many of these a pixel of the window is wide. */
export interface Window {
  readonly x: number;
  readonly y: number;
  readonly pixel: number;
}

/**
 * Draws the window as a plane of `size` by `size` pixels: interpolates to enlarge, and averages to reduce. What lies
 * outside the plane is 0.
 */
export function resample(plane: Plane, window: Window, size: number): Plane {
  const { width, height, data } = plane;
  const columns = weights(width, window.x, window.pixel, size);
  const rows = weights(height, window.y, window.pixel, size);
  const across = new Float32Array(size * height);
  const last = rows.at(-1) ?? NOTHING;
  const end = Math.min(height, last.first + last.values.length);
  for (let y = rows[0]?.first ?? 0; y < end; y++) {
    columns.forEach((column, x) => {
      let sum = 0;
      for (let k = 0; k < column.values.length; k++) {
        sum += (column.values[k] ?? 0) * (data[y * width + column.first + k] ?? 0);
      }
      across[y * size + x] = sum;
    });
  }
  const result = new Float32Array(size * size);
  rows.forEach((row, y) => {
    for (let k = 0; k < row.values.length; k++) {
      const weight = row.values[k] ?? 0;
      const line = (row.first + k) * size;
      for (let x = 0; x < size; x++) {
        result[y * size + x] = (result[y * size + x] ?? 0) + weight * (across[line + x] ?? 0);
      }
    }
  });
  return { width: size, height: size, data: result };
}

interface Weights {
  readonly first: number;
  readonly values: Float32Array;
}

const NOTHING: Weights = { first: 0, values: new Float32Array() };

/** The weights of the plane's pixels for each pixel of the window: a triangle around its centre that reaches one pixel of the window, or of the plane if that is larger, to each side. */
function weights(length: number, centre: number, pixel: number, size: number): Weights[] {
  const reach = Math.max(1, pixel);
  return Array.from({ length: size }, (_, index) => {
    const middle = centre + (index + 0.5 - size / 2) * pixel;
    const first = Math.ceil(middle - 0.5 - reach);
    const last = Math.floor(middle - 0.5 + reach);
    let total = 0;
    for (let i = first; i <= last; i++) total += 1 - Math.abs(i + 0.5 - middle) / reach;
    const from = Math.max(0, first);
    const values = new Float32Array(Math.max(0, Math.min(length - 1, last) - from + 1));
    for (let k = 0; k < values.length; k++) values[k] = (1 - Math.abs(from + k + 0.5 - middle) / reach) / total;
    return { first: from, values };
  });
}
