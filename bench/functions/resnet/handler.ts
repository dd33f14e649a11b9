import { type Context, DcfError, type JsonValue, type Request } from '@dcf/sdk';
import { createSession } from '@dcf/sdk/onnx';
import { type InferenceSession, Tensor } from 'onnxruntime-node';

/** Says which of a thousand classes a picture gets: three planes of side by side bytes, red first. */
export class Handler {
  readonly #model: string;
  readonly #side: number;
  #session: InferenceSession | undefined;

  constructor({ resources: { model }, parameters: { side } }: Context) {
    if (model === undefined) throw new DcfError('INVALID_ARGUMENT', "function.yaml names no resource 'model'");
    this.#model = model;
    this.#side = typeof side === 'number' ? side : 224;
  }

  async init(): Promise<void> {
    this.#session = await createSession(this.#model);
    await this.#score([new Uint8Array(3 * this.#side ** 2)]);
  }

  async call(request: Request): Promise<JsonValue> {
    const [answer] = await this.#score([request.input]);
    if (answer === undefined) throw new DcfError('INTERNAL', 'the model has answered for no picture');
    return answer;
  }

  async callBatch(requests: readonly Request[]): Promise<JsonValue[]> {
    return await this.#score(requests.map(({ input }) => input));
  }

  async close(): Promise<void> {
    await this.#session?.release();
  }

  async #score(pictures: readonly Uint8Array[]): Promise<JsonValue[]> {
    const size = 3 * this.#side ** 2;
    const wrong = pictures.find(({ length }) => length !== size);
    if (wrong !== undefined) throw new DcfError('INVALID_ARGUMENT', `the picture has ${wrong.length} bytes, not ${size}`);
    if (this.#session === undefined) throw new DcfError('FAILED_PRECONDITION', 'init() has not loaded the model');
    const values = new Float32Array(pictures.length * size);
    for (const [index, picture] of pictures.entries()) values.set(picture, index * size);
    const output = await this.#session.run({ image: new Tensor('float32', values, [pictures.length, 3, this.#side, this.#side]) });
    const scores = output['scores']?.data;
    if (!(scores instanceof Float32Array)) throw new DcfError('INTERNAL', "the model has no output 'scores' of float32");
    const classes = scores.length / pictures.length;
    return pictures.map((_, index) => best(scores.subarray(index * classes, (index + 1) * classes)));
  }
}

function best(scores: Float32Array): JsonValue {
  let found = 0;
  for (const [index, score] of scores.entries()) if (score > (scores[found] ?? 0)) found = index;
  return { class: found, score: scores[found] ?? 0 };
}
