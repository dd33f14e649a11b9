import { createRequire } from 'node:module';
import { DcfError } from '@dcf/sdk';

// The CommonJS build of sharp loads three times as fast as its ES modules, which makes a cold start faster.
const sharp: typeof import('sharp').default = createRequire(import.meta.url)('sharp');

/** A picture of three bytes per pixel (red, green, blue), row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Pixels that are enough for a digit: larger pictures are reduced while they are decoded. */
const WORKING_PIXELS = 2 ** 16;

/** Pixels of the largest picture: larger ones are refused before they are decoded. */
const LIMIT_PIXELS = 100_000_000;

const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const FORMATS: ReadonlySet<string> = new Set(['png', 'jpeg', 'webp']);

// One small picture is decoded at a time: threads and a cache of operations cost more than they gain.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decodes a PNG, JPEG or WebP picture, turns it upright (EXIF), reduces it to about 65,000 pixels at most, and fills
 * transparent parts.
 *
 * @throws {DcfError} INVALID_ARGUMENT when the bytes are another format, are damaged, or have over 100 million pixels.
 */
export async function readPicture(bytes: Uint8Array): Promise<Picture> {
  if (bytes.length === 0) throw new DcfError('INVALID_ARGUMENT', 'the input is empty: send a PNG or JPEG picture');
  try {
    return await decode(bytes);
  } catch (error) {
    if (error instanceof DcfError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DcfError('INVALID_ARGUMENT', `the input cannot be read as a PNG or JPEG picture: ${reason}`);
  }
}

async function decode(bytes: Uint8Array): Promise<Picture> {
  const image = sharp(bytes, { limitInputPixels: LIMIT_PIXELS, failOn: 'error' }).autoOrient();
  // To ask for the size opens the picture once more, which takes a third as long as to decode a small one.
  if (pixelsOfPng(bytes) > WORKING_PIXELS) await reduce(image);
  const { data, info } = await image.toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: info.channels === 4 ? withoutAlpha(data) : data };
}

/** The pixels of a PNG, whose first bytes tell its size; for another format, which has it elsewhere, infinity. */
function pixelsOfPng(bytes: Uint8Array): number {
  const isPng = PNG.every((byte, index) => byte === bytes[index]) && bytes.length >= 24;
  if (!isPng) return Number.POSITIVE_INFINITY;
  const { buffer, byteOffset } = bytes;
  const size = new DataView(buffer, byteOffset + 16, 8);
  return size.getUint32(0) * size.getUint32(4);
}

/** Has a picture with more than `WORKING_PIXELS` reduced while it is decoded. */
async function reduce(image: import('sharp').Sharp): Promise<void> {
  const { format, autoOrient } = await image.metadata();
  const { width, height } = autoOrient;
  if (!FORMATS.has(format)) {
    throw new DcfError('INVALID_ARGUMENT', `the input is a ${format} picture: send a PNG or JPEG picture`);
  }
  if (width * height > LIMIT_PIXELS) {
    const size = `${String(width)} x ${String(height)}`;
    throw new DcfError('INVALID_ARGUMENT', `the picture has ${size} pixels: over the limit of ${String(LIMIT_PIXELS)}`);
  }
  const scale = Math.min(1, Math.sqrt(WORKING_PIXELS / (width * height)));
  if (scale < 1) {
    const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    image.resize({ ...size, fit: 'fill', kernel: 'linear' });
  }
}

/**
 * Fills the transparent parts of a picture. If few pixels are opaque, or all opaque ones have about the same brightness,
 * they are the ink, and the paper gets the opposite brightness. Otherwise the picture shows its paper, whose brightness
 * the transparent parts get.
 */
function withoutAlpha(rgba: Uint8Array): Uint8Array {
  const pixels = rgba.length / 4;
  const bins = new Uint32Array(256);
  let opaque = 0;
  for (let i = 0; i < rgba.length; i += 4) {
    if ((rgba[i + 3] ?? 0) < 128) continue;
    const luma = Math.round(0.3 * (rgba[i] ?? 0) + 0.59 * (rgba[i + 1] ?? 0) + 0.11 * (rgba[i + 2] ?? 0));
    bins[luma] = (bins[luma] ?? 0) + 1;
    opaque++;
  }
  const median = quantile(bins, opaque / 2);
  const spread = quantile(bins, opaque * 0.98) - quantile(bins, opaque * 0.02);
  const inkOnly = opaque < pixels / 2 || (opaque < pixels && spread < 64);
  const backing = inkOnly ? (median < 128 ? 255 : 0) : median;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    const alpha = (rgba[i * 4 + 3] ?? 0) / 255;
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = Math.round(alpha * (rgba[i * 4 + c] ?? 0) + (1 - alpha) * backing);
  }
  return rgb;
}

function quantile(bins: Uint32Array, rank: number): number {
  let seen = 0;
  for (const [value, count] of bins.entries()) {
    seen += count;
    if (seen > rank) return value;
  }
  return bins.length - 1;
}
