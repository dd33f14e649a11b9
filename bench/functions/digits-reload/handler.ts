import { type Context, DcfError, type JsonValue, type Request } from '@dcf/sdk';
import { createSession } from '@dcf/sdk/onnx';
import { Tensor } from 'onnxruntime-node';
import { drawDigit, SIDE } from '../../../functions/digits/digit.js';
import { findInk } from '../../../functions/digits/paper.js';
import { readPicture } from '../../../functions/digits/picture.js';

/** functions/digits, but for the one thing that is measured: each call loads the model, runs it once and releases it. */
export class Handler {
  readonly #model: string;

  constructor({ resources: { model } }: Context) {
    if (model === undefined) throw new DcfError('INVALID_ARGUMENT', "function.yaml names no resource 'model'");
    this.#model = model;
  }

  async call(request: Request): Promise<JsonValue> {
    const ink = findInk(await readPicture(request.input), 'auto');
    const pixels = ink === undefined ? undefined : drawDigit(ink);
    if (pixels === undefined) throw new DcfError('INVALID_ARGUMENT', 'the picture is blank: no digit found');
    const scores = await this.#score(pixels);
    const confidence = Math.max(...scores);
    return { digit: scores.indexOf(confidence), confidence, scores };
  }

  async #score(pixels: Float32Array): Promise<number[]> {
    const session = await createSession(this.#model, { intraOpNumThreads: 1 });
    try {
      const output = await session.run({ pictures: new Tensor('float32', pixels, [1, 1, SIDE, SIDE]) });
      const data = output['scores']?.data;
      if (!(data instanceof Float32Array)) throw new DcfError('INTERNAL', "the model has no output 'scores' of float32");
      return Array.from(data);
    } finally {
      await session.release();
    }
  }
}
