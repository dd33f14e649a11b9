import { type Context, DcfError, type Request } from '@dcf/sdk';
import { createSession } from '@dcf/sdk/onnx';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { drawDigit, SIDE } from './digit.js';
import { findInk, type Invert } from './paper.js';
import { readPicture } from './picture.js';

const DIGITS = 10;

/** The answer of the function. */
export interface Recognition {
  /** The most likely digit, 0..9. */
  readonly digit: number;
  /** The score of `digit`, 0..1. */
  readonly confidence: number;
  /** How likely each digit is, 0 first; the ten add up to 1. */
  readonly scores: readonly number[];
}

/** Recognises the handwritten digit in a picture. */
export class Handler {
  readonly #model: string;
  readonly #invert: Invert;
  #session: InferenceSession | undefined;

  /** @throws {DcfError} INVALID_ARGUMENT when the resource `model` is missing, or the parameter `invert` has another value than auto, true or false. */
  constructor(context: Context) {
    const { model } = context.resources;
    if (model === undefined)
      throw new DcfError('INVALID_ARGUMENT', "the resource 'model' is missing: name the model under resources in function.yaml");
    this.#model = model;
    this.#invert = readInvert(context.parameters['invert']);
  }

  /** Loads the model and runs it once, so that the first call is as fast as the others. */
  async init(): Promise<void> {
    // More threads do not make such a small model faster, and keep a core busy for a while after each run.
    this.#session = await createSession(this.#model, { intraOpNumThreads: 1 });
    await this.#score([new Float32Array(SIDE * SIDE)]);
  }

  /**
   * Reads the digit in `request.input`, a PNG, JPEG or WebP picture of any size, dark on light or light on dark.
   *
   * @throws {DcfError} INVALID_ARGUMENT when the input is not a picture, or is blank.
   */
  async call(request: Request): Promise<Recognition> {
    const [scores] = await this.#score([await this.#draw(request)]);
    return recognition(scores);
  }

  /** Reads many pictures: they are decoded side by side, and the model runs once for all. A picture that cannot be read fails its own call. */
  async callBatch(requests: readonly Request[]): Promise<(Recognition | Error)[]> {
    const drawn = await Promise.allSettled(requests.map((request) => this.#draw(request)));
    const rows = (await this.#score(drawn.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])))).values();
    return drawn.map((each) => (each.status === 'fulfilled' ? recognition(rows.next().value) : errorOf(each.reason)));
  }

  /** Releases the model's memory. */
  async close(): Promise<void> {
    await this.#session?.release();
    this.#session = undefined;
  }

  /** Makes the model's input of a picture. */
  async #draw(request: Request): Promise<Float32Array> {
    const ink = findInk(await readPicture(request.input), this.#invert);
    const pixels = ink === undefined ? undefined : drawDigit(ink);
    if (pixels === undefined) throw new DcfError('INVALID_ARGUMENT', 'the picture is blank: no digit found');
    return pixels;
  }

  /** The ten scores of each drawing. A drawing has 28 by 28 values, from 0 (paper) to 1 (ink). */
  async #score(drawn: readonly Float32Array[]): Promise<number[][]> {
    if (this.#session === undefined) throw new DcfError('FAILED_PRECONDITION', 'init() has not loaded the model');
    if (drawn.length === 0) return [];
    const pixels = new Float32Array(drawn.length * SIDE * SIDE);
    for (const [index, each] of drawn.entries()) pixels.set(each, index * SIDE * SIDE);
    const output = await this.#session.run({ pictures: new Tensor('float32', pixels, [drawn.length, 1, SIDE, SIDE]) });
    const data = output['scores']?.data;
    if (!(data instanceof Float32Array)) throw new DcfError('INTERNAL', "the model has no output 'scores' of float32");
    return drawn.map((_, index) => Array.from(data.subarray(index * DIGITS, (index + 1) * DIGITS)));
  }
}

/** The answer for the scores of one picture. @throws {DcfError} INTERNAL when the model gave no scores for the picture. */
function recognition(scores: readonly number[] | undefined): Recognition {
  if (scores?.length !== DIGITS)
    throw new DcfError('INTERNAL', `the model gave ${String(scores?.length ?? 0)} scores, not ${String(DIGITS)}`);
  const confidence = Math.max(...scores);
  return { digit: scores.indexOf(confidence), confidence, scores };
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function readInvert(value: unknown): Invert {
  if (value === undefined) return 'auto';
  if (value === 'auto' || typeof value === 'boolean') return value;
  const found = JSON.stringify(value);
  throw new DcfError('INVALID_ARGUMENT', `parameters.invert is ${found}: it must be auto, true or false`);
}
