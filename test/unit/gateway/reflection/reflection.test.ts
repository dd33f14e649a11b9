import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import type Descriptors from 'protobufjs/ext/descriptor/index.js';
import { type DescribedFile, DescriptorIndex } from '../../../../src/gateway/reflection/descriptor-index.js';
import { files } from '../../../../src/gateway/reflection/generated/file-descriptors.js';
import { decodeRequest, encodeReply } from '../../../../src/gateway/reflection/reflection-messages.js';
import { answerTo } from '../../../../src/gateway/reflection/reflection-service.js';
import { root } from '../../../support/programs.js';

const { FileDescriptorProto }: typeof Descriptors = createRequire(import.meta.url)('protobufjs/ext/descriptor');
const contract = protobuf.loadSync(join(root, 'proto/grpc/reflection/v1/reflection.proto'));
const Request = contract.lookupType('grpc.reflection.v1.ServerReflectionRequest');
const Reply = contract.lookupType('grpc.reflection.v1.ServerReflectionResponse');
const index = new DescriptorIndex(files);

/** Asks as a client does, in bytes. Gives the reply's fields without the files. */
function ask(question: object): Record<string, unknown> {
  const asked = { host: 'here', ...question };
  const request = decodeRequest(Request.encode(Request.fromObject(asked)).finish());
  const reply = Reply.toObject(Reply.decode(encodeReply({ request, answer: answerTo(request.question, index) })));
  const { validHost, originalRequest, ...rest } = reply;
  assert.equal(validHost, 'here');
  assert.deepEqual(originalRequest, asked);
  return rest;
}

/** The names of the files that a reply has. */
function filesIn(reply: Record<string, unknown>): string[] {
  const { fileDescriptorResponse } = reply;
  assert.ok(
    typeof fileDescriptorResponse === 'object' && fileDescriptorResponse !== null && 'fileDescriptorProto' in fileDescriptorResponse,
  );
  const { fileDescriptorProto } = fileDescriptorResponse;
  assert.ok(Array.isArray(fileDescriptorProto));
  return fileDescriptorProto.map((bytes) => String(FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes))['name']));
}

function notFound(reply: Record<string, unknown>, words: RegExp): void {
  const { errorResponse } = reply;
  assert.ok(typeof errorResponse === 'object' && errorResponse !== null && 'errorCode' in errorResponse && 'errorMessage' in errorResponse);
  assert.equal(errorResponse.errorCode, 5);
  assert.match(String(errorResponse.errorMessage), words);
}

test('a file is found by its name, and by each service, method, message and enum that it declares', () => {
  const cases = {
    'dcf/v1/dcf.proto': [...['dcf.v1.Functions', 'dcf.v1.Control.Deploy', 'dcf.v1.InvokeRequest', 'dcf.v1.FunctionSummary.AliasesEntry']],
    'gateway.proto': ['pb.Gateway', 'pb.Gateway.Invokes', 'pb.Message'],
    'grpc/health/v1/health.proto': ['grpc.health.v1.Health.Watch', 'grpc.health.v1.HealthCheckResponse.ServingStatus'],
    'grpc/reflection/v1alpha/reflection.proto': ['grpc.reflection.v1alpha.ServerReflection'],
  };
  for (const [name, symbols] of Object.entries(cases)) {
    assert.deepEqual(filesIn(ask({ fileByFilename: name })), [name]);
    for (const symbol of symbols) assert.deepEqual(filesIn(ask({ fileContainingSymbol: symbol })), [name], symbol);
  }
  notFound(ask({ fileByFilename: 'dcf.proto' }), /^there is no file dcf\.proto$/);
  for (const symbol of ['', 'dcf.v1', 'dcf.v1.Nothing', '.dcf.v1.Functions', 'toString'])
    notFound(ask({ fileContainingSymbol: symbol }), /^there is no service, method, message or enum /);
});

test('all services are listed', () => {
  const { listServicesResponse } = ask({ listServices: '' });
  assert.deepEqual(listServicesResponse, {
    service: [
      ...['dcf.v1.Control', 'dcf.v1.Functions', 'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection'],
      ...['grpc.reflection.v1alpha.ServerReflection', 'pb.Gateway'],
    ].map((name) => ({ name })),
  });
});

test('no message has extensions, and what is asked of one that is not there is not found', () => {
  const type = 'dcf.v1.InvokeRequest';
  assert.deepEqual(ask({ allExtensionNumbersOfType: type }), { allExtensionNumbersResponse: { baseTypeName: type } });
  notFound(ask({ allExtensionNumbersOfType: 'dcf.v1.Nothing' }), /^there is no message dcf\.v1\.Nothing$/);
  notFound(ask({ allExtensionNumbersOfType: 'dcf.v1.Functions' }), /^there is no message/);
  notFound(ask({ fileContainingExtension: { containingType: type, extensionNumber: 7 } }), /InvokeRequest has no extension 7$/);
});

test('a request that asks for nothing, or for what comes later, is answered with an error', () => {
  const { errorResponse } = ask({});
  assert.deepEqual(errorResponse, { errorCode: 3, errorMessage: 'the request asks for nothing that is known here' });
  const unknown = Buffer.from([0x4a, 1, 0x78]);
  assert.deepEqual(decodeRequest(unknown).question, { kind: 'none' });
  for (const cut of [Buffer.from([0x2a]), Buffer.from([0xff]), Buffer.from([0x2a, 5, 0x10])]) assert.throws(() => decodeRequest(cut));
});

test('a file comes with all that it imports, each once', () => {
  const file = (name: string, ...dependencies: string[]): DescribedFile => ({
    ...{ name, dependencies, services: [], messages: [`m.${name}`], others: [] },
    descriptor: Buffer.from(name).toString('base64'),
  });
  const own = new DescriptorIndex([file('a', 'b', 'c'), file('b', 'd'), file('c', 'd', 'b'), file('d'), file('e')]);
  assert.deepEqual(own.fileOf('m.a')?.map(String), ['a', 'b', 'c', 'd']);
  assert.deepEqual(own.file('d')?.map(String), ['d']);
});

test('the descriptors say what protoc would: optional fields, names in JSON, maps and options', () => {
  const read = (name: string): Descriptors.IFileDescriptorProto => {
    const [bytes = Buffer.alloc(0)] = index.file(name) ?? [];
    return FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes));
  };
  const dcf = read('dcf/v1/dcf.proto');
  assert.equal(dcf.options?.goPackage, 'dcf/v1;dcfv1');
  const messageOf = (name: string) => dcf.messageType?.find((one) => one.name === name);
  const field = (message: string, name: string) => messageOf(message)?.field?.find((one) => one.name === name);
  assert.deepEqual(messageOf('StreamRequest')?.oneofDecl, [{ name: '_input' }, { name: '_last' }]);
  assert.deepEqual(field('StreamRequest', 'last'), {
    ...{ name: 'last', number: 4, label: 1, type: 8, jsonName: 'last', oneofIndex: 1, proto3Optional: true },
  });
  assert.deepEqual(field('FunctionSummary', 'aliases'), {
    ...{ name: 'aliases', number: 20, label: 3, type: 11, jsonName: 'aliases', typeName: '.dcf.v1.FunctionSummary.AliasesEntry' },
  });
  assert.equal(field('FunctionSummary', 'ready_replicas')?.jsonName, 'readyReplicas');
  assert.equal(messageOf('FunctionSummary')?.nestedType?.[0]?.options?.mapEntry, true);
});
