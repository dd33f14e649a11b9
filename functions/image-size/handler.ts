import { type Context, DcfError, type Request } from '@dcf/sdk';
import sharp, { type Metadata } from 'sharp';

/** The answer of the function. */
export interface ImageSize {
  /** Pixels as they are stored: an orientation in the file's metadata is not applied. */
  readonly width: number;
  readonly height: number;
  /** The format, such as `png`, `jpeg` or `webp`. */
  readonly format: string;
}

const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/;

/** Finds out how large a picture is. */
export class Handler {
  readonly #maximumPixels: number;

  /** @throws {DcfError} INVALID_ARGUMENT when the parameter `maximumPixels` is not a whole number above 0. */
  constructor(context: Context) {
    const { maximumPixels } = context.parameters;
    if (typeof maximumPixels !== 'number' || !Number.isSafeInteger(maximumPixels) || maximumPixels < 1) {
      const found = JSON.stringify(maximumPixels);
      throw new DcfError('INVALID_ARGUMENT', `parameters.maximumPixels is ${found}: it must be a whole number above 0`);
    }
    this.#maximumPixels = maximumPixels;
  }

  /**
   * Reads the header of the picture in `request.input`, base64 text (RFC 4648, white space allowed).
   *
   * @throws {DcfError} INVALID_ARGUMENT when the input is not base64, not a picture, or a picture of too many pixels.
   */
  async call(request: Request): Promise<ImageSize> {
    const bytes = decode(request.text());
    const { width, height, format } = await readMetadata(bytes);
    if (width * height > this.#maximumPixels) {
      throw new DcfError('INVALID_ARGUMENT', `the picture has ${width} x ${height} pixels: up to ${this.#maximumPixels} are allowed`);
    }
    return { width, height, format };
  }
}

function decode(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (digits === '') throw new DcfError('INVALID_ARGUMENT', 'the input is empty: send a picture as base64 text');
  if (!base64Pattern.test(digits) || digits.length % 4 === 1) {
    throw new DcfError('INVALID_ARGUMENT', 'the input is not base64 text: send a picture as `base64 picture.png` prints it');
  }
  return Buffer.from(digits, 'base64');
}

async function readMetadata(bytes: Uint8Array): Promise<Metadata> {
  try {
    // Reads only the header. Its own limit is off, so that the message about a too large picture can name the size.
    return await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', 'the input is base64, but not a picture in a known format', { cause: error });
  }
}
