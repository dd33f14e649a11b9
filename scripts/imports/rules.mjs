// Who may import whom. `npm run check` enforces it: see check.mjs, and "The house" in docs/architecture.md.

/**
 * The rooms, and what each may import besides itself. A file belongs to the room with the longest path that it begins with. An entry
 * allows a room with all rooms inside it, or one file. '*' is everything.
 */
export const rooms = {
  'sdk/src': [],
  'src/core': [],
  'src/wire': ['src/core'],
  'src/gpu': ['src/core'],
  'src/telemetry': ['src/core'],
  'src/process': ['src/core'],
  'src/runtimes': ['src/core', 'src/wire'],

  'src/registry/disk': ['src/core'],
  'src/registry/model': ['src/core'],
  'src/registry/blobs': ['src/core', 'src/registry/disk', 'src/registry/model'],
  'src/registry/state': ['src/core', 'src/registry/disk', 'src/registry/model', 'src/registry/blobs'],
  'src/registry/download': ['src/core', 'src/registry/disk', 'src/registry/model', 'src/registry/blobs'],
  'src/registry/install': ['src/core', 'src/registry/disk'],
  'src/registry/secrets': ['src/core', 'src/registry/disk', 'src/registry/model'],
  'src/registry': ['src/core', 'src/registry'],

  'src/pool/output': ['src/core', 'src/wire'],
  'src/pool/calls': ['src/core', 'src/wire'],
  'src/pool/replica': ['src/core', 'src/wire', 'src/process', 'src/pool/calls', 'src/pool/output'],
  'src/pool/scheduling': ['src/core', 'src/pool/calls', 'src/pool/replica'],
  'src/pool': ['src/core', 'src/wire', 'src/process', 'src/pool'],

  'src/control': ['src/core', 'src/process', 'src/pool', 'src/registry'],

  'src/gateway': ['src/core', 'src/control', 'src/pool/calls'],
  'src/gateway/grpc': ['src/core', 'src/control', 'src/pool/calls', 'src/gateway'],
  'src/gateway/http': ['src/core', 'src/control', 'src/pool/calls', 'src/gateway'],
  // The original contract is a second one on the same gRPC server.
  'src/gateway/original': ['src/core', 'src/control', 'src/pool/calls', 'src/gateway', 'src/gateway/grpc'],

  'src/cli': ['src/core/version.ts', 'src/gpu', 'src/process', 'src/pool/run-local.ts', 'src/registry/install/local-dependencies.ts'],
  'src/daemon': ['*'],
};

/** Rooms that only the named rooms may enter, although others may import the room around them. */
export const closedRooms = {
  'src/gateway/grpc': ['src/gateway/grpc', 'src/gateway/original', 'src/daemon'],
  'src/gateway/http': ['src/gateway/http', 'src/daemon'],
  'src/gateway/original': ['src/gateway/original', 'src/daemon'],
};

/** The places that may import each vendor's library: rooms or files. */
export const vendors = {
  '@dcf/sdk': ['src'],
  '@grpc/grpc-js': ['src/gateway/grpc', 'src/gateway/original', 'sdk/src/transport', 'sdk/src/control', 'sdk/src/contract'],
  '@grpc/proto-loader': ['sdk/src/contract'],
  'cli-progress': ['src/cli'],
  commander: ['src/cli', 'src/daemon/config.ts'],
  dotenv: ['src/cli/local-environment.ts'],
  esbuild: ['sdk/src/package'],
  fastify: ['src/gateway/http/http.ts'],
  'grpc-health-check': ['src/gateway/grpc/grpc-server.ts'],
  ignore: ['sdk/src/package'],
  'onnxruntime-node': ['src/gpu/providers.ts', 'sdk/src/onnx.ts'],
  picocolors: ['src/cli'],
  pino: ['src/telemetry/daemon-log.ts'],
  'pino-pretty': ['src/telemetry/daemon-log.ts'],
  piscina: ['src/runtimes/node/threads.ts'],
  protobufjs: ['sdk/src/contract'],
  semver: ['src/registry/install/npm-plan.ts'],
  yaml: ['sdk/src/manifest/yaml.ts', 'src/cli'],
  zod: ['sdk/src/manifest', 'src/daemon/settings.ts', 'src/daemon/setting-kinds.ts'],
};
