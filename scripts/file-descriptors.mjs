// Writes the descriptors of all services that the daemon serves, as server reflection tells them: each .proto file as the
// FileDescriptorProto that protoc would make of it (https://protobuf.dev/reference/protobuf/google.protobuf/), without protoc.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import protobuf from 'protobufjs';

const { FileDescriptorProto } = createRequire(import.meta.url)('protobufjs/ext/descriptor');

/** The numbers of FieldDescriptorProto.Type. */
const types = {
  ...{ double: 1, float: 2, int64: 3, uint64: 4, int32: 5, fixed64: 6, fixed32: 7, bool: 8, string: 9, bytes: 12, uint32: 13 },
  ...{ sfixed32: 15, sfixed64: 16, sint32: 17, sint64: 18 },
};
const messageType = 11;
const enumType = 14;
const labels = { optional: 1, repeated: 3 };
/** The end of the range of field numbers, for `reserved 5 to max`. */
const maxFieldNumber = 0x1fffffff;

/**
 * Writes a module with the descriptors.
 *
 * @param {string} root - the checkout
 * @param {string} target - the module, in the checkout
 */
export function writeFileDescriptors(root, target) {
  const sources = {
    'gateway.proto': 'proto/gateway.proto',
    'dcf/v1/dcf.proto': 'proto/dcf/v1/dcf.proto',
    'grpc/health/v1/health.proto': 'node_modules/grpc-health-check/proto/health/v1/health.proto',
    'grpc/reflection/v1/reflection.proto': 'proto/grpc/reflection/v1/reflection.proto',
    'grpc/reflection/v1alpha/reflection.proto': 'proto/grpc/reflection/v1alpha/reflection.proto',
  };
  const files = Object.entries(sources).map(([name, path]) => fileOf(name, readFileSync(join(root, path), 'utf8')));
  writeFileSync(
    join(root, target),
    `import type { DescribedFile } from '../descriptor-index.js';\n\nexport const files: readonly DescribedFile[] = ${JSON.stringify(files, null, 2)};\n`,
  );
}

/** A file, with what it declares by its full name. */
function fileOf(name, text) {
  const root = new protobuf.Root();
  const parsed = protobuf.parse(text, root, { keepCase: true });
  root.resolveAll();
  if (parsed.syntax !== undefined && parsed.syntax !== 'proto3') throw new Error(`${name}: only proto3 is described`);
  const space = root.lookup(parsed.package);
  const symbols = { services: [], messages: [], others: [] };
  const descriptor = {
    name,
    package: parsed.package,
    dependency: parsed.imports ?? [],
    ...membersOf(space, symbols, 'messageType'),
    service: space.nestedArray.filter((one) => one instanceof protobuf.Service).map((one) => serviceOf(one, symbols)),
    options: optionsOf(space.options),
    syntax: 'proto3',
  };
  const bytes = FileDescriptorProto.encode(FileDescriptorProto.fromObject(descriptor)).finish();
  return { name, dependencies: descriptor.dependency, ...symbols, descriptor: Buffer.from(bytes).toString('base64') };
}

function membersOf(space, symbols, key) {
  const { nestedArray = [] } = space;
  for (const one of nestedArray) {
    const known = one instanceof protobuf.Type || one instanceof protobuf.Enum || one instanceof protobuf.Service;
    if (!known) throw new Error(`${one.fullName}: ${one.constructor.className} is not described`);
  }
  return {
    [key]: nestedArray.filter((one) => one instanceof protobuf.Type).map((one) => messageOf(one, symbols)),
    enumType: nestedArray.filter((one) => one instanceof protobuf.Enum).map((one) => enumOf(one, symbols)),
  };
}

function messageOf(type, symbols) {
  symbols.messages.push(nameOf(type));
  const synthetic = (oneof) => oneof.fieldsArray.length === 1 && isOptional(oneof.fieldsArray[0]);
  // Those that stand for `optional` come after the others.
  const oneofs = [...type.oneofsArray.filter((one) => !synthetic(one)), ...type.oneofsArray.filter(synthetic)];
  const { nestedType, enumType: enums } = membersOf(type, symbols, 'nestedType');
  const maps = type.fieldsArray.filter((field) => field.map).map((field) => entryOf(field, symbols));
  return {
    name: type.name,
    field: type.fieldsArray.map((field) => fieldOf(field, oneofs)),
    nestedType: [...nestedType, ...maps],
    enumType: enums,
    oneofDecl: oneofs.map(({ name }) => ({ name })),
    ...reservedOf(type.reserved, 1, maxFieldNumber),
    options: optionsOf(type.options),
  };
}

/** The message that a map is on the wire: one of each key and value. */
function entryOf(field, symbols) {
  const name = entryName(field);
  symbols.messages.push(`${nameOf(field.parent)}.${name}`);
  const part = (partName, number, type, resolved) => ({
    ...{ name: partName, number, label: labels.optional, jsonName: partName },
    ...typeOf(type, resolved),
  });
  return {
    name,
    field: [part('key', 1, field.keyType, null), part('value', 2, field.type, field.resolvedType)],
    options: { mapEntry: true },
  };
}

function entryName({ name }) {
  return `${name.replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase())}Entry`;
}

function fieldOf(field, oneofs) {
  const repeated = field.repeated || field.map;
  const mapped = field.map ? { type: messageType, typeName: `.${nameOf(field.parent)}.${entryName(field)}` } : undefined;
  const at = oneofs.indexOf(field.partOf);
  return {
    name: field.name,
    number: field.id,
    label: repeated ? labels.repeated : labels.optional,
    ...(mapped ?? typeOf(field.type, field.resolvedType)),
    jsonName: field.name.replace(/_+(.?)/g, (_, letter) => letter.toUpperCase()),
    ...(at === -1 ? {} : { oneofIndex: at }),
    ...(isOptional(field) ? { proto3Optional: true } : {}),
    options: optionsOf(field.options),
  };
}

function isOptional(field) {
  return field.options?.proto3_optional === true;
}

function typeOf(type, resolved) {
  if (resolved === null) return { type: types[type] };
  return { type: resolved instanceof protobuf.Enum ? enumType : messageType, typeName: `.${nameOf(resolved)}` };
}

function enumOf(declared, symbols) {
  symbols.others.push(nameOf(declared));
  return {
    name: declared.name,
    value: Object.entries(declared.values).map(([name, number]) => ({ name, number })),
    ...reservedOf(declared.reserved, 0, 0x7fffffff),
    options: optionsOf(declared.options),
  };
}

function serviceOf(service, symbols) {
  symbols.services.push(nameOf(service));
  return {
    name: service.name,
    method: service.methodsArray.map((method) => {
      symbols.others.push(`${nameOf(service)}.${method.name}`);
      return {
        name: method.name,
        inputType: `.${nameOf(method.resolvedRequestType)}`,
        outputType: `.${nameOf(method.resolvedResponseType)}`,
        clientStreaming: method.requestStream === true,
        serverStreaming: method.responseStream === true,
        options: optionsOf(method.options),
      };
    }),
    options: optionsOf(service.options),
  };
}

/** @param past - what is added to the last number: ranges of messages end before it, those of enums at it */
function reservedOf(reserved = [], past, most) {
  const ranges = reserved.filter((one) => typeof one !== 'string');
  return {
    reservedRange: ranges.map(([start, end]) => ({ start, end: Math.min(end, most) + past })),
    reservedName: reserved.filter((one) => typeof one === 'string'),
  };
}

/** The options that protoc would write, with the names that the descriptor's codec has for them. */
function optionsOf(options) {
  const named = Object.entries(options ?? {}).filter(([name]) => name !== 'proto3_optional');
  if (named.length === 0) return undefined;
  return Object.fromEntries(named.map(([name, value]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]));
}

function nameOf(declared) {
  return declared.fullName.replace(/^\./, '');
}
