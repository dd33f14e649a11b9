import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadContract } from '@dcf/sdk/contract';
import { loadPackageDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const folder = fileURLToPath(new URL('../../../../proto/', import.meta.url));
const files = ['gateway.proto', 'dcf/v1/dcf.proto'];
const options = { keepCase: false, longs: Number, enums: String, defaults: true, oneofs: true };
/** What grpc's own loader makes of the same files. */
const known = loadSync(files, { ...options, includeDirs: [folder] });
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(folder, target);
root.loadSync(files).resolveAll();

const services: readonly (readonly [string, ServiceDefinition])[] = [
  ['dcf.v1.Functions', loadContract().dcf.Functions.service],
  ['dcf.v1.Control', loadContract().dcf.Control.service],
  ['pb.Gateway', loadContract().original.Gateway.service],
];

/** A message with a value in each field: what is left out of it shows up as a default. */
function sampleOf(type: protobuf.Type, depth = 0): object {
  const fields = type.fieldsArray.filter((field) => field.partOf === null || field.partOf.oneof[0] === field.name);
  return Object.fromEntries(fields.map((field) => [field.name, valueFor(field, depth)]));
}

function valueFor(field: protobuf.Field, depth: number): unknown {
  const one = single(field, depth);
  if (field instanceof protobuf.MapField) return { key: one };
  return field.repeated ? [one, one] : one;
}

function single({ resolvedType, type }: protobuf.Field, depth: number): unknown {
  if (resolvedType instanceof protobuf.Enum) return Object.keys(resolvedType.values).at(-1);
  if (resolvedType instanceof protobuf.Type) return depth > 3 ? {} : sampleOf(resolvedType, depth + 1);
  if (type === 'string') return 'é';
  if (type === 'bytes') return Buffer.from([0, 255]);
  return type === 'bool' ? true : 41;
}

test('the services and their methods are those of the .proto files', () => {
  const loaded = loadPackageDefinition(known);
  assert.deepEqual(Object.keys(loaded).sort(), ['dcf', 'pb']);
  for (const [name, service] of services) {
    const definition = known[name];
    assert.ok(definition !== undefined);
    const shape = ({ path, requestStream, responseStream, originalName }: ServiceDefinition[string]) => ({
      path,
      requestStream,
      responseStream,
      originalName,
    });
    const shapes = (all: ServiceDefinition) => Object.fromEntries(Object.entries(all).map(([method, each]) => [method, shape(each)]));
    assert.deepEqual(shapes(service), shapes(Object.fromEntries(Object.entries(definition))));
  }
});

test('every message is written and read as by the loader that grpc has for it', () => {
  for (const [name, service] of services) {
    const definition: ServiceDefinition = Object.fromEntries(Object.entries(known[name] ?? {}));
    for (const method of root.lookupService(name).methodsArray) {
      const [ours, theirs] = [service[method.name], definition[method.name]];
      assert.ok(ours !== undefined && theirs !== undefined);
      method.resolve();
      const { resolvedRequestType: request, resolvedResponseType: response } = method;
      assert.ok(request !== null && response !== null);
      for (const value of [{}, sampleOf(request)]) {
        const bytes = theirs.requestSerialize(value);
        assert.deepEqual(ours.requestSerialize(value), bytes, method.name);
        assert.deepEqual(ours.requestDeserialize(bytes), theirs.requestDeserialize(bytes), method.name);
      }
      for (const value of [{}, sampleOf(response)]) {
        const bytes = theirs.responseSerialize(value);
        assert.deepEqual(ours.responseSerialize(value), bytes, method.name);
        assert.deepEqual(ours.responseDeserialize(bytes), theirs.responseDeserialize(bytes), method.name);
      }
    }
  }
});
