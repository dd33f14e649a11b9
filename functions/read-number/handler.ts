import { type Context, DcfError, type Request } from '@dcf/sdk';

/** The answer of the function. */
export interface NumberRead {
  /** The digits in the order of the pictures. */
  readonly number: string;
  /** The confidence of the least certain digit, 0..1. */
  readonly confidence: number;
}

/** The part of the other function's answer that is used here. */
interface Recognition {
  readonly digit: number;
  readonly confidence: number;
}

/** Reads a number from a picture of each of its digits. */
export class Handler {
  readonly #reader: string;

  constructor(context: Context) {
    this.#reader = String(context.parameters['reader']);
  }

  /**
   * Calls another function for each picture, for all of them at the same time.
   *
   * @throws {DcfError} INVALID_ARGUMENT when the input is not a list of pictures as base64 text; whatever the other function throws.
   */
  async call(request: Request): Promise<NumberRead> {
    const digits = await Promise.all(readPictures(request).map((picture) => this.#read(request, picture)));
    return { number: digits.map(({ digit }) => digit).join(''), confidence: Math.min(...digits.map(({ confidence }) => confidence)) };
  }

  async #read(request: Request, picture: Uint8Array): Promise<Recognition> {
    const output = await request.call(this.#reader, picture);
    return JSON.parse(Buffer.from(output).toString());
  }
}

function readPictures(request: Request): Uint8Array[] {
  const pictures = request.json();
  if (!Array.isArray(pictures) || pictures.length === 0 || !pictures.every((picture) => typeof picture === 'string')) {
    throw new DcfError('INVALID_ARGUMENT', 'the input must be a JSON list with a picture for each digit, as base64 text');
  }
  return pictures.map((picture) => Buffer.from(picture, 'base64'));
}
