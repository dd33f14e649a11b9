/** A float32 tensor of one dimension is added to the input. Its values lie in a file beside the model. */
export interface ExternalModel {
  /** `model.onnx`, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. */
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
  const entry = (key: string, text: string): Buffer => message(text1(1, key), text1(2, text));
  const weights = message(
    varint(1, length),
    varint(2, float32),
    text1(8, 'w'),
    nested(13, entry('location', location)),
    nested(13, entry('offset', '0')),
    nested(13, entry('length', String(data.length))),
    varint(14, external),
  );
  const tensor = (name: string): Buffer => {
    const shape = nested(2, nested(1, varint(1, length)));
    return message(text1(1, name), nested(2, nested(1, message(varint(1, float32), shape))));
  };
  const add = message(text1(1, 'x'), text1(1, 'w'), text1(2, 'y'), text1(4, 'Add'));
  const graph = message(nested(1, add), text1(2, 'sum'), nested(5, weights), nested(11, tensor('x')), nested(12, tensor('y')));
  return { data, model: message(varint(1, 8), nested(7, graph), nested(8, varint(2, 13))) };
}

const float32 = 1;
const external = 1;

function message(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

/** https://protobuf.dev/programming-guides/encoding/: a number, and the tag of a field, in pieces of seven bits. */
function base128(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([base128(field * 8), base128(value)]);
}

function nested(field: number, content: Buffer): Buffer {
  return Buffer.concat([base128(field * 8 + 2), base128(content.length), content]);
}

function text1(field: number, text: string): Buffer {
  return nested(field, Buffer.from(text));
}
