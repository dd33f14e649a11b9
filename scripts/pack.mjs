// Makes the packages that users install, dcf and @dcf/sdk, in dist/packages or the folder that is named. It needs a build.
//
// Packed as this folder stands, dcf would install ONNX Runtime for all platforms, with a script that downloads a CUDA library and fails
// where it cannot, and it would look for @dcf/sdk in a registry. So dcf brings both: its SDK, and ONNX Runtime for Linux without that script.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = resolve(process.argv[2] ?? join(root, 'dist', 'packages'));
const staged = join(target, 'dcf');
const foreign = ['darwin', 'win32'].map((platform) => join('bin', 'napi-v6', platform));

rmSync(staged, { recursive: true, force: true });
mkdirSync(staged, { recursive: true });
pack(join(root, 'sdk'));

for (const path of ['LICENSE', 'README.md', 'docs', 'proto', 'scripts/install-cuda.mjs', 'scripts/gpu/wheel.mjs'])
  copy(join(root, path), join(staged, path));
copy(join(root, 'dist/src'), join(staged, 'dist/src'));
const brought = {
  ...bring('@dcf/sdk', join(root, 'sdk'), (path) => ['', 'package.json', 'dist'].includes(path) || path.startsWith(`dist${sep}`)),
  ...bring(
    'onnxruntime-node',
    join(root, 'node_modules/onnxruntime-node'),
    (path) => !foreign.some((folder) => path.startsWith(folder)) && !/(?<!\.d)\.ts$/.test(path),
  ),
};
const {
  private: _private,
  scripts,
  workspaces: _workspaces,
  devDependencies: _development,
  overrides: _overrides,
  ...rest
} = readJson(root);
writeJson(staged, {
  ...rest,
  os: ['linux'],
  scripts: { 'gpu:cuda': scripts['gpu:cuda'] },
  dependencies: { ...brought, ...rest.dependencies },
  bundleDependencies: ['@dcf/sdk', 'onnxruntime-node'],
});
pack(staged);
rmSync(staged, { recursive: true, force: true });

/** Copies a package into dcf. Returns its dependencies, which dcf must have itself: npm expects those of a bundled package to be bundled, too. */
function bring(name, from, isWanted) {
  const folder = join(staged, 'node_modules', name);
  copy(from, folder, isWanted);
  const {
    scripts: _scripts,
    dependencies,
    devDependencies: _tools,
    peerDependencies: _peers,
    peerDependenciesMeta: _meta,
    ...kept
  } = readJson(folder);
  writeJson(folder, kept);
  return dependencies;
}

function pack(folder) {
  const { status, error, stdout } = spawnSync('npm', ['pack', '--pack-destination', target, '--silent'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
  console.log(relative(process.cwd(), join(target, stdout.trim().split('\n').at(-1))));
}

function copy(from, to, isWanted = () => true) {
  cpSync(from, to, {
    recursive: true,
    filter: (path) => !path.split(sep).includes('__pycache__') && !path.endsWith('.tsbuildinfo') && isWanted(relative(from, path)),
  });
}

function readJson(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function writeJson(folder, content) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(content, null, 2)}\n`);
}
