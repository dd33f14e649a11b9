import { loadPackageDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { ProtoGrpcType as DcfTypes } from '../generated/dcf.js';
import { descriptor } from '../generated/descriptor.js';
import type { ProtoGrpcType as OriginalTypes } from '../generated/gateway.js';

/** The services and messages of both contracts, as grpc-js wants them. */
export interface Contract {
  dcf: DcfTypes['dcf']['v1'];
  original: OriginalTypes['pb'];
}

let contract: Contract | undefined;

/** Makes them from what the build read of the .proto files; the second call gives the first one's result. */
export function loadContract(): Contract {
  contract ??= load();
  return contract;
}

function load(): Contract {
  const definition = fromJSON(descriptor, { keepCase: false, longs: Number, enums: String, defaults: true, oneofs: true });
  // grpc-js types what it loads as an open record; the generated types describe these very files.
  const loaded = loadPackageDefinition(definition) as unknown as DcfTypes & OriginalTypes;
  return { dcf: loaded.dcf.v1, original: loaded.pb };
}
