// Builds everything: types from the .proto files, TypeScript, and what ships beside it.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import protobuf from 'protobufjs';
import { writeFileDescriptors } from './file-descriptors.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(command, ...args) {
  const { status, error } = spawnSync(process.execPath, [join(root, 'node_modules', command), ...args], { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * Removes what was built of sources that are gone, and what the compiler remembers: an import of one of them would go on
 * compiling here, and fail in a fresh clone.
 */
function removeStaleOutputs() {
  const pairs = [
    ['sdk/src', 'sdk/dist/cjs'],
    ['sdk/src', 'sdk/dist'],
    ...['src', 'test', 'bench', 'demo'].map((folder) => [folder, `dist/${folder}`]),
  ];
  let stale = false;
  for (const [sources, outputs] of pairs) {
    if (!existsSync(join(root, outputs))) continue;
    for (const path of readdirSync(join(root, outputs), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.d.ts') || (outputs === 'sdk/dist' && path.startsWith('cjs'))) continue;
      const stem = path.slice(0, -'.d.ts'.length);
      if (['.ts', '.d.ts'].some((ending) => existsSync(join(root, sources, stem + ending)))) continue;
      for (const ending of ['.d.ts', '.d.ts.map', '.js', '.js.map']) rmSync(join(root, outputs, stem + ending), { force: true });
      stale = true;
    }
  }
  if (!stale) return;
  for (const folder of ['dist', 'sdk/dist']) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (path.endsWith('tsbuildinfo')) rmSync(join(root, folder, path));
    }
  }
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
writeDescriptor();
const described = 'src/gateway/reflection/generated';
mkdirSync(join(root, described), { recursive: true });
writeFileDescriptors(root, `${described}/file-descriptors.ts`);
removeStaleOutputs();
run('typescript/bin/tsc', '-b');
rmSync(join(root, 'sdk/dist/proto'), { recursive: true, force: true });
for (const path of ['gateway.proto', 'dcf']) cpSync(join(root, 'proto', path), join(root, 'sdk/dist/proto', path), { recursive: true });

// What runs in the replicas of other languages is laid beside it as it is.
for (const language of readdirSync(join(root, 'src/runtimes')).filter((name) => name !== 'node')) {
  const built = join(root, 'dist/src/runtimes', language);
  rmSync(built, { recursive: true, force: true });
  cpSync(join(root, 'src/runtimes', language), built, { recursive: true, filter: (source) => !source.includes('__pycache__') });
}

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

// Tests of functions run the very same runtime, which the SDK brings along.
await build({
  entryPoints: [join(runtime, 'testing/in-process.js')],
  outfile: join(root, 'sdk/dist/testing/runtime.js'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['@dcf/sdk'],
  logLevel: 'warning',
});
await writeCommonJs(join(root, 'sdk/dist'));

// The command line is a file for each command: to load its modules and packages one by one took longer than what it does.
// What runs functions here stays as it is built, because it finds programs by its own place; these files lie as deep.
const commandLine = join(root, 'dist/src/bin');
rmSync(commandLine, { recursive: true, force: true });
await build({
  entryPoints: { dcf: join(root, 'dist/src/cli/main.js') },
  outdir: commandLine,
  chunkNames: 'dcf-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  sourcesContent: false,
  external: ['esbuild', 'onnxruntime-node'],
  plugins: [{ name: 'beside', setup: leaveBeside }],
  banner: { js: `import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);` },
  logLevel: 'warning',
});

/** Leaves imports of the pool and of gpu in place. */
function leaveBeside({ onResolve }) {
  onResolve({ filter: /^\.\.?\/.*\/?(pool|gpu)\// }, ({ path }) => ({ path: `../${path.replace(/^(\.\.?\/)+/, '')}`, external: true }));
}

/** The SDK once more as CommonJS, for programs that call require: each module by itself, with the same types. */
async function writeCommonJs(dist) {
  const target = join(dist, 'cjs');
  rmSync(target, { recursive: true, force: true });
  const files = readdirSync(dist, { recursive: true }).filter((path) => !path.startsWith('proto'));
  await build({
    entryPoints: files.filter((path) => path.endsWith('.js')).map((path) => join(dist, path)),
    outbase: dist,
    outdir: target,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // CommonJS has no import.meta; the banner defines the module's own URL.
    define: { 'import.meta.url': '__ownUrl' },
    banner: { js: "const __ownUrl = require('node:url').pathToFileURL(__filename).href;" },
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
  for (const path of files.filter((path) => path.endsWith('.d.ts'))) cpSync(join(dist, path), join(target, path));
  writeFileSync(join(target, 'package.json'), '{ "type": "commonjs" }\n');
}

/** Writes the descriptor of both contracts, so that neither client nor daemon has to read the .proto files when it starts. */
function writeDescriptor() {
  const contracts = new protobuf.Root();
  contracts.resolvePath = (_origin, target) => join(root, 'proto', target);
  contracts.loadSync(['gateway.proto', 'dcf/v1/dcf.proto'], { keepCase: false }).resolveAll();
  writeFileSync(
    join(root, 'sdk/src/generated/descriptor.ts'),
    `import type { INamespace } from 'protobufjs';\n\nexport const descriptor: INamespace = JSON.parse(${JSON.stringify(JSON.stringify(contracts))});\n`,
  );
}

const { manifestJsonSchema } = await import(pathToFileURL(join(root, 'sdk/dist/manifest/index.js')).href);
writeFileSync(join(root, 'sdk/dist/function.schema.json'), `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`);

for (const program of ['daemon/main.js', 'bin/dcf.js']) chmodSync(join(root, 'dist/src', program), 0o755);
