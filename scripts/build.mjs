// Builds everything: types from the .proto files, TypeScript, and what ships beside it.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(command, ...args) {
  const { status, error } = spawnSync(process.execPath, [join(root, 'node_modules', command), ...args], { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(join(root, 'sdk/src/generated'), { recursive: true, force: true });
run(
  '@grpc/proto-loader/build/bin/proto-loader-gen-types.js',
  '--longs=Number',
  '--enums=String',
  '--defaults',
  '--oneofs',
  '--grpcLib=@grpc/grpc-js',
  '--importFileExtension=.js',
  '--includeDirs=proto',
  '--outDir=sdk/src/generated',
  'gateway.proto',
  'dcf/v1/dcf.proto',
);
run('typescript/bin/tsc', '-b');
cpSync(join(root, 'proto'), join(root, 'sdk/dist/proto'), { recursive: true });
rmSync(join(root, 'dist/src/runtimes/python'), { recursive: true, force: true });
cpSync(join(root, 'src/runtimes/python'), join(root, 'dist/src/runtimes/python'), {
  recursive: true,
  filter: (source) => !source.includes('__pycache__'),
});

// A replica reads one file at its start: the modules one by one took it a quarter of its start-up time.
const runtime = join(root, 'dist/src/runtimes/node');
rmSync(join(runtime, 'bundle'), { recursive: true, force: true });
await build({
  entryPoints: ['main', 'thread'].map((name) => join(runtime, `${name}.js`)),
  outdir: join(runtime, 'bundle'),
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['piscina'],
  logLevel: 'warning',
});

const { manifestJsonSchema } = await import(pathToFileURL(join(root, 'sdk/dist/manifest/index.js')).href);
writeFileSync(join(root, 'sdk/dist/function.schema.json'), `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);

for (const bin of ['daemon', 'cli']) chmodSync(join(root, `dist/src/${bin}/main.js`), 0o755);
