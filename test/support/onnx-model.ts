import { float32, message, nested, onnxModel, onnxNode, text, varint } from '../../bench/gpu/onnx-writer.js';

/** A float32 tensor of one dimension is added to the input. Its values lie in a file beside the model. */
export interface ExternalModel {
  /** `model.onnx`. */
  model: Buffer;
  /** What the model names as its external data. */
  data: Buffer;
}

/**
 * Makes an ONNX model `y = x + w` whose `w`, so many times the same value, is external data.
 *
 * @param location - the file of the data, relative to the model
 */
export function externalModel(location: string, length: number, value: number): ExternalModel {
  const data = Buffer.from(new Float32Array(length).fill(value).buffer);
  const entry = (key: string, content: string): Buffer => message(text(1, key), text(2, content));
  const weights = message(
    varint(1, length),
    varint(2, float32),
    text(8, 'w'),
    nested(13, entry('location', location)),
    nested(13, entry('offset', '0')),
    nested(13, entry('length', String(data.length))),
    varint(14, external),
  );
  const vector = (name: string) => ({ name, shape: [length] });
  const nodes = [onnxNode('Add', ['x', 'w'], 'y')];
  return { data, model: onnxModel({ name: 'sum', nodes, weights: [weights], input: vector('x'), output: vector('y') }) };
}

const external = 1;
