// Who may import whom, in TypeScript and in Python. `npm run check` enforces it: see check-imports.mjs, and "The house" in docs/architecture.md.

const worker = 'src/runtimes/python/dcf_worker';
const errors = `${worker}/errors.py`;

/** What tells of this machine. */
const host = ['src/core', 'src/gpu', 'src/languages/**', 'src/process'];

/**
 * The rooms, and what each may import besides itself. A file belongs to the room with the longest path that it begins with. An entry
 * allows a room without the rooms inside it, a room with all of them (`/**`), or one file.
 */
export const rooms = {
  'sdk/src': ['sdk/src/**'],
  'sdk/src/contract': ['sdk/src'],
  'sdk/src/manifest': ['sdk/src'],
  'sdk/src/package/folder': ['sdk/src', 'sdk/src/manifest'],
  'sdk/src/package/bundle': ['sdk/src', 'sdk/src/package/folder'],
  'sdk/src/package': ['sdk/src', 'sdk/src/manifest', 'sdk/src/package/**'],
  'sdk/src/runtime': ['sdk/src'],
  'sdk/src/testing': ['sdk/src', 'sdk/src/manifest', 'sdk/src/package/**'],
  'sdk/src/transport': ['sdk/src', 'sdk/src/contract'],
  'sdk/src/transport/calls': ['sdk/src', 'sdk/src/contract', 'sdk/src/transport'],
  'sdk/src/control': ['sdk/src', 'sdk/src/contract', 'sdk/src/package', 'sdk/src/transport/**'],

  'src/core': [],
  'src/wire': ['src/core'],
  // Both could be packages of their own.
  'src/http2/hpack': [],
  'src/http2': ['src/http2/hpack'],
  'src/grpc': ['src/http2/**'],
  'src/gpu': ['src/core'],
  'src/telemetry': ['src/core'],
  'src/languages/shared': ['src/core'],
  'src/languages': ['src/core', 'src/languages/shared'],
  'src/process': ['src/core', 'src/languages'],

  'src/runtimes/node/calls': ['src/core', 'src/wire'],
  'src/runtimes/node': ['src/core', 'src/wire', 'src/runtimes/node/calls'],
  'src/runtimes/node/testing': ['src/core', 'src/wire', 'src/runtimes/node'],

  'src/runtimes/python': [worker, `${worker}/context.py`, `${worker}/process`],
  [errors]: [],
  [`${worker}/context.py`]: [errors],
  [`${worker}/wire`]: [],
  [`${worker}/process`]: [],
  [`${worker}/logs`]: [errors, `${worker}/wire`],
  [`${worker}/replies`]: [errors, `${worker}/wire`],
  [`${worker}/calls`]: [errors, `${worker}/wire`, `${worker}/process`, `${worker}/replies`],
  [`${worker}/loading`]: [errors, `${worker}/context.py`, `${worker}/__init__.py`],
  [worker]: ['errors.py', 'context.py', 'wire', 'process', 'logs', 'replies', 'calls', 'loading'].map((name) => `${worker}/${name}`),
  [`${worker}/testing`]: [`${worker}/**`],
  'sdk/python/src/dcf': [],
  'sdk/python/src/dcfgrpc': ['sdk/python/src/dcf'],

  'src/registry/disk': ['src/core'],
  'src/registry/model': ['src/core'],
  'src/registry/blobs': ['src/core', 'src/registry/disk', 'src/registry/model'],
  'src/registry/state': ['src/core', 'src/registry/disk', 'src/registry/model', 'src/registry/blobs'],
  'src/registry/download': ['src/core', 'src/registry/disk', 'src/registry/model', 'src/registry/blobs'],
  'src/registry/install': ['src/core', 'src/languages', 'src/languages/shared', 'src/registry/disk'],
  'src/registry/secrets': ['src/core', 'src/registry/disk', 'src/registry/model'],
  'src/registry': ['src/core', 'src/registry/**'],

  'src/pool/output': ['src/core', 'src/wire'],
  'src/pool/calls': ['src/core', 'src/wire'],
  'src/pool/replica': ['src/core', 'src/wire', 'src/process', 'src/pool/calls', 'src/pool/output'],
  'src/pool/scheduling': ['src/core', 'src/pool/calls', 'src/pool/replica'],
  'src/pool': ['src/core', 'src/wire', 'src/process', 'src/pool/**'],

  'src/control/live': ['src/core', 'src/languages', 'src/process', 'src/pool/**', 'src/registry/**'],
  'src/control/changes': ['src/core', 'src/pool/**', 'src/registry/**', 'src/control/live'],
  'src/control': ['src/core', 'src/process', 'src/pool/**', 'src/registry/**', 'src/control/**'],

  'src/gateway': ['src/core', 'src/control/**', 'src/pool/calls'],
  'src/gateway/grpc': ['src/core', 'src/grpc', 'src/http2', 'src/control/**', 'src/pool/calls', 'src/gateway'],
  'src/gateway/http': ['src/core', 'src/control/**', 'src/pool/calls', 'src/gateway'],
  'src/gateway/reflection': ['src/core', 'src/grpc', 'src/gateway/grpc'],
  // The original contract is a second one on the same gRPC server.
  'src/gateway/original': ['src/core', 'src/grpc', 'src/control/**', 'src/pool/calls', 'src/gateway', 'src/gateway/grpc'],

  'src/cli/terminal': ['src/core'],
  'src/cli/daemon': ['src/core', 'src/cli/terminal'],
  // What `dcf run` installs and runs as a daemon does has one door each.
  'src/cli/local': [...host, 'src/registry/install/local-dependencies.ts', 'src/cli/terminal', 'src/cli/daemon'],
  'src/cli/commands': [...host, 'src/pool/run-local.ts', 'src/cli/**'],
  'src/cli': ['src/core', 'src/cli/**'],

  'src/daemon': ['src/**'],
};

/** The places that may import each vendor's library: rooms or files. */
export const vendors = {
  '@dcf/sdk': ['src'],
  '@grpc/grpc-js': ['sdk/src/transport', 'sdk/src/control', 'sdk/src/contract'],
  '@grpc/proto-loader': ['sdk/src/contract'],
  'cli-progress': ['src/cli/terminal'],
  commander: ['src/cli', 'src/daemon/config.ts'],
  dotenv: ['src/cli/local'],
  esbuild: ['sdk/src/package/bundle'],
  fastify: ['src/gateway/http/http.ts'],
  'grpc-health-check': ['src/gateway/grpc/health-service.ts'],
  ignore: ['sdk/src/package/folder'],
  'onnxruntime-node': ['src/gpu/providers.ts', 'sdk/src/onnx.ts'],
  picocolors: ['src/cli/terminal'],
  pino: ['src/telemetry/daemon-log.ts'],
  'pino-pretty': ['src/telemetry/daemon-log.ts'],
  piscina: ['src/runtimes/node/threads.ts'],
  protobufjs: ['sdk/src/contract', 'src/gateway/reflection/reflection-messages.ts'],
  semver: ['src/languages/node'],
  yaml: ['sdk/src/manifest/yaml.ts', 'src/cli'],
  zod: ['sdk/src/manifest', 'src/daemon/settings.ts', 'src/daemon/setting-kinds.ts', 'src/gateway/http'],
};
