/** Fields of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, encoded by hand: enough to write a model without a library. */

/** ONNX's number of the type float32. */
export const float32 = 1;

/** What an operator is told besides its inputs: a number, a list of numbers, or a float. */
export type Attribute = { name: string } & ({ int: number } | { ints: readonly number[] } | { float: number });

/** A model of one input and one output, both of float32; a dimension that is a text is free, and called so. */
export interface OnnxGraph {
  name: string;
  nodes: readonly Buffer[];
  weights: readonly Buffer[];
  input: OnnxValue;
  output: OnnxValue;
}

export interface OnnxValue {
  name: string;
  shape: readonly (number | string)[];
}

/** The bytes of a `.onnx` file, IR version 8, operator set 13. */
export function onnxModel({ name, nodes, weights, input, output }: OnnxGraph): Buffer {
  const graph = message(
    ...nodes.map((node) => nested(1, node)),
    text(2, name),
    ...weights.map((tensor) => nested(5, tensor)),
    nested(11, valueInfo(input)),
    nested(12, valueInfo(output)),
  );
  return message(varint(1, 8), nested(7, graph), nested(8, varint(2, 13)));
}

/** One operator with one output. */
export function onnxNode(operator: string, inputs: readonly string[], output: string, attributes: readonly Attribute[] = []): Buffer {
  return message(
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(4, operator),
    ...attributes.map((attribute) => nested(5, encodeAttribute(attribute))),
  );
}

/** Weights of float32 that lie in the model itself. */
export function onnxTensor(name: string, shape: readonly number[], values: Float32Array): Buffer {
  const raw = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return message(...shape.map((side) => varint(1, side)), varint(2, float32), text(8, name), nested(9, raw));
}

function valueInfo({ name, shape }: OnnxValue): Buffer {
  const sides = shape.map((side) => nested(1, typeof side === 'number' ? varint(1, side) : text(2, side)));
  return message(text(1, name), nested(2, nested(1, message(varint(1, float32), nested(2, message(...sides))))));
}

function encodeAttribute(attribute: Attribute): Buffer {
  const name = text(1, attribute.name);
  if ('int' in attribute) return message(name, varint(3, attribute.int), varint(20, 2));
  if ('ints' in attribute) return message(name, ...attribute.ints.map((value) => varint(8, value)), varint(20, 7));
  const value = Buffer.alloc(5, 2 * 8 + 5);
  value.writeFloatLE(attribute.float, 1);
  return message(name, value, varint(20, 1));
}

/** Fields one after the other. */
export function message(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

/** https://protobuf.dev/programming-guides/encoding/: a number, and the tag of a field, in pieces of seven bits. */
function base128(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A field that is a whole number, not below 0. */
export function varint(field: number, value: number): Buffer {
  return Buffer.concat([base128(field * 8), base128(value)]);
}

/** A field that is a message, or bytes. */
export function nested(field: number, content: Buffer): Buffer {
  return Buffer.concat([base128(field * 8 + 2), base128(content.length), content]);
}

/** A field that is a text. */
export function text(field: number, content: string): Buffer {
  return nested(field, Buffer.from(content));
}
