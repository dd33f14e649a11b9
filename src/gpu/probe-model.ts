/**
 * An ONNX model of 137 bytes, in base64: y = x · w + b, with x float[1,2], w = [[1, 2], [3, 4]] and b = [10, 20]. IR version 8,
 * operator set 13; written field by field after https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (MatMul, then Add).
 */
export const probeModel =
  'CAg6gAEKEQoBeAoBdxIBbSIGTWF0TXVsCg4KAW0KAWISAXkiA0FkZBIBZyobCAIIAhABQgF3ShAAAIA/AAAAQAAAQEAAAIBAKhEIAhABQgFiSggAACBB' +
  'AACgQVoTCgF4Eg4KDAgBEggKAggBCgIIAmITCgF5Eg4KDAgBEggKAggBCgIIAkICEA0=';

/** The value of `y` for x = [1, 1]. */
export const probeOutput: readonly number[] = [14, 26];
