import { type MethodDefinition, makeGenericClientConstructor, type ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs/light.js';
import type { ProtoGrpcType as DcfTypes } from '../generated/dcf.js';
import { descriptor } from '../generated/descriptor.js';
import type { ProtoGrpcType as OriginalTypes } from '../generated/gateway.js';

/** The services of both contracts, in the form that grpc-js needs. */
export interface Contract {
  dcf: Pick<DcfTypes['dcf']['v1'], 'Functions' | 'Control'>;
  original: Pick<OriginalTypes['pb'], 'Gateway'>;
}

/** How messages are converted to objects; the generated types are made with the same options. */
const conversion: protobuf.IConversionOptions = { longs: Number, enums: String, defaults: true, oneofs: true };

let contract: Contract | undefined;

/** Makes the services from the descriptor that the build made of the .proto files. Further calls return the result of the first. */
export function loadContract(): Contract {
  contract ??= load();
  return contract;
}

/** Makes the services. The codec of a message is made when it is used first: a client needs few of them. */
function load(): Contract {
  const root = protobuf.Root.fromJSON(descriptor);
  const services = {
    dcf: { Functions: clientOf(root, 'dcf.v1.Functions'), Control: clientOf(root, 'dcf.v1.Control') },
    original: { Gateway: clientOf(root, 'pb.Gateway') },
  };
  // grpc-js gives its clients a general type; the generated types describe these services exactly.
  return services as unknown as Contract;
}

function clientOf(root: protobuf.Root, name: string): ReturnType<typeof makeGenericClientConstructor> {
  const service = root.lookupService(name);
  const definition: ServiceDefinition = Object.fromEntries(
    service.methodsArray.map((method) => [method.name, definitionOf(service, method, name)]),
  );
  return makeGenericClientConstructor(definition, name);
}

function definitionOf(service: protobuf.Service, method: protobuf.Method, serviceName: string): MethodDefinition<object, object> {
  const request = codecOf(service, method.requestType);
  const response = codecOf(service, method.responseType);
  return {
    path: `/${serviceName}/${method.name}`,
    originalName: `${method.name.charAt(0).toLowerCase()}${method.name.slice(1)}`,
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
    requestSerialize: request.serialize,
    requestDeserialize: request.deserialize,
    responseSerialize: response.serialize,
    responseDeserialize: response.deserialize,
  };
}

function codecOf(
  service: protobuf.Service,
  typeName: string,
): { serialize: (value: object) => Buffer; deserialize: (bytes: Buffer) => object } {
  let found: protobuf.Type | undefined;
  const type = (): protobuf.Type => {
    found ??= service.lookupType(typeName);
    return found;
  };
  return {
    serialize: (value) => asBuffer(type().encode(type().fromObject(value)).finish()),
    deserialize: (bytes) => type().toObject(type().decode(bytes), conversion),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
