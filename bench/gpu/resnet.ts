import { type Attribute, onnxModel, onnxNode, onnxTensor } from './onnx-writer.js';

/** How large a residual network is. */
export interface ResnetSize {
  /** Channels after the first convolution; ResNet-50 has 64. */
  width: number;
  /** Pixels; ResNet-50 takes 224. */
  side: number;
}

export const resnet50: ResnetSize = { width: 64, side: 224 };
const blocksOfStages = [3, 4, 6, 3];
const classes = 1000;

/**
 * Writes a model built as ResNet-50 is, normalisation folded into the convolutions as exports have it: `image` of
 * [batch, 3, side, side] with values of 0 to 255, `scores` of [batch, 1000]. At its own size it has 25.5 million weights
 * (102 MB) and takes 4.1 billion multiplications a picture. The weights are random, the same ones each time.
 */
export function writeResnet({ width, side }: ResnetSize): Buffer {
  const writer = new NetworkWriter();
  let name = writer.convolve('image', 3, width, { kernel: 7, stride: 2, gain: 1 / 128 });
  name = writer.node('Relu', [name]);
  name = writer.node('MaxPool', [name], [ints('kernel_shape', [3, 3]), ints('strides', [2, 2]), ints('pads', [1, 1, 1, 1])]);
  let channels = width;
  for (const [stage, blocks] of blocksOfStages.entries()) {
    const inner = width * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      name = writer.bottleneck(name, channels, inner, block === 0 && stage > 0 ? 2 : 1);
      channels = inner * 4;
    }
  }
  name = writer.node('Flatten', [writer.node('GlobalAveragePool', [name])]);
  writer.dense(name, channels, classes, 'scores');
  return onnxModel({
    name: 'resnet',
    nodes: writer.nodes,
    weights: writer.weights,
    input: { name: 'image', shape: ['batch', 3, side, side] },
    output: { name: 'scores', shape: ['batch', classes] },
  });
}

interface Convolution {
  kernel: number;
  stride: number;
  /** What the weights are multiplied by, beside what keeps the size of the values. */
  gain: number;
}

class NetworkWriter {
  readonly nodes: Buffer[] = [];
  readonly weights: Buffer[] = [];
  readonly #random = randomNumbers(1);

  node(operator: string, inputs: readonly string[], attributes: readonly Attribute[] = [], output = `v${this.nodes.length}`): string {
    this.nodes.push(onnxNode(operator, inputs, output, attributes));
    return output;
  }

  convolve(input: string, from: number, to: number, { kernel, stride, gain }: Convolution): string {
    const fanIn = from * kernel * kernel;
    const weights = this.#tensor([to, from, kernel, kernel], gain * Math.sqrt(6 / fanIn));
    const bias = this.#tensor([to], 0.01);
    const pad = (kernel - 1) / 2;
    const attributes = [ints('kernel_shape', [kernel, kernel]), ints('strides', [stride, stride]), ints('pads', [pad, pad, pad, pad])];
    return this.node('Conv', [input, weights, bias], attributes);
  }

  /** Three convolutions, and what they make added to what came in. */
  bottleneck(input: string, from: number, inner: number, stride: number): string {
    const to = inner * 4;
    const narrow = this.node('Relu', [this.convolve(input, from, inner, { kernel: 1, stride: 1, gain: 1 })]);
    const middle = this.node('Relu', [this.convolve(narrow, inner, inner, { kernel: 3, stride, gain: 1 })]);
    // Small, so that sixteen of them in a row do not make the values grow beyond what the last layer can tell apart.
    const wide = this.convolve(middle, inner, to, { kernel: 1, stride: 1, gain: 0.3 });
    const kept = from === to && stride === 1 ? input : this.convolve(input, from, to, { kernel: 1, stride, gain: 0.7 });
    return this.node('Relu', [this.node('Add', [wide, kept])]);
  }

  dense(input: string, from: number, to: number, output: string): void {
    const weights = this.#tensor([from, to], Math.sqrt(3 / from));
    this.node('Gemm', [input, weights, this.#tensor([to], 0.01)], [], output);
  }

  #tensor(shape: readonly number[], limit: number): string {
    const name = `w${this.weights.length}`;
    const values = new Float32Array(shape.reduce((product, side) => product * side, 1));
    for (let index = 0; index < values.length; index++) values[index] = (this.#random() * 2 - 1) * limit;
    this.weights.push(onnxTensor(name, shape, values));
    return name;
  }
}

function ints(name: string, values: readonly number[]): Attribute {
  return { name, ints: values };
}

/** Numbers from 0 to 1, the same ones for the same seed (xorshift32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
