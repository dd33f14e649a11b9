/**
 * The data of a tensor as nested lists: of objects with `tolist()` (Transformers.js) or `arraySync()` (TensorFlow.js), and of tensors of
 * ONNX Runtime. `undefined` if the value is not a tensor.
 *
 * @throws Error when the data is not in memory, or does not consist of numbers
 */
export function tensorData(value: object): unknown {
  if ('tolist' in value && typeof value.tolist === 'function') return value.tolist();
  if ('arraySync' in value && typeof value.arraySync === 'function') return value.arraySync();
  if (!('dims' in value && 'type' in value && 'getData' in value && 'data' in value)) return undefined;
  const { dims, type, data } = value;
  if (!isDims(dims) || typeof data !== 'object' || data === null || !('length' in data)) return undefined;
  const values: unknown[] = Array.from(toArrayLike(data));
  const size = dims.reduce((product, dim) => product * dim, 1);
  // Without a Float16Array in the engine, float16 data is given as raw bits; four-bit numbers are given packed.
  if (size !== values.length || (type === 'float16' && data instanceof Uint16Array)) {
    throw new TypeError(`the data of a tensor of type ${String(type)} is not available as numbers: cast it to float32 in the model`);
  }
  return shaped(values, dims);
}

function isDims(dims: unknown): dims is readonly number[] {
  return Array.isArray(dims) && dims.every((dim) => typeof dim === 'number');
}

function toArrayLike(data: object): ArrayLike<unknown> {
  return ArrayBuffer.isView(data) || Array.isArray(data) ? Object(data) : [];
}

function shaped(values: readonly unknown[], dims: readonly number[]): unknown {
  const [first, ...rest] = dims;
  if (first === undefined) return values[0];
  if (rest.length === 0) return values;
  const step = first === 0 ? 0 : values.length / first;
  return Array.from({ length: first }, (_, index) => shaped(values.slice(index * step, (index + 1) * step), rest));
}
