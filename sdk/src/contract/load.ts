import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs/light.js';
import type { ControlDefinition } from '../generated/dcf/v1/Control.js';
import type { FunctionsDefinition } from '../generated/dcf/v1/Functions.js';
import { descriptor } from '../generated/descriptor.js';
import type { GatewayDefinition } from '../generated/pb/Gateway.js';

/** The services of both contracts: the definitions that clients and servers of gRPC need. grpc-js is not loaded for them. */
export interface Contract {
  dcf: { Functions: { service: FunctionsDefinition }; Control: { service: ControlDefinition } };
  original: { Gateway: { service: GatewayDefinition } };
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
    dcf: { Functions: serviceOf(root, 'dcf.v1.Functions'), Control: serviceOf(root, 'dcf.v1.Control') },
    original: { Gateway: serviceOf(root, 'pb.Gateway') },
  };
  // The generated types describe these services exactly.
  return services as unknown as Contract;
}

function serviceOf(root: protobuf.Root, name: string): { service: ServiceDefinition } {
  const service = root.lookupService(name);
  return { service: Object.fromEntries(service.methodsArray.map((method) => [method.name, definitionOf(service, method, name)])) };
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
