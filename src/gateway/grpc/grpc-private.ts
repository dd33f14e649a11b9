/** Reads a private field of grpc-js or Node; `undefined` if there is none. Every use has a test that fails when the field is gone. */
export function privateField(owner: unknown, name: string): unknown {
  return typeof owner === 'object' && owner !== null ? Reflect.get(owner, name) : undefined;
}
