import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as DcfTypes } from '../generated/dcf.js';
import type { ProtoGrpcType as OriginalTypes } from '../generated/gateway.js';

/** The services and messages of both contracts, as grpc-js wants them. */
export interface Contract {
  dcf: DcfTypes['dcf']['v1'];
  original: OriginalTypes['pb'];
}

let contract: Contract | undefined;

/** Reads the .proto files that ship with this package; the second call gives the first one's result. */
export function loadContract(): Contract {
  contract ??= read();
  return contract;
}

function read(): Contract {
  const folder = fileURLToPath(new URL('../proto/', import.meta.url));
  const definition = loadSync(['gateway.proto', 'dcf/v1/dcf.proto'], {
    includeDirs: [folder],
    keepCase: false,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  // grpc-js types what it loads as an open record; the generated types describe these very files.
  const loaded = loadPackageDefinition(definition) as unknown as DcfTypes & OriginalTypes;
  return { dcf: loaded.dcf.v1, original: loaded.pb };
}
