// Fetches the CUDA provider of ONNX Runtime, which is too large for the npm registry, so it is a command of its own and no part of an
// install: from NuGet, or with --from-wheel from the Python package onnxruntime-gpu of the same version, by pip.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { takeFromWheel } from './gpu/wheel.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'node_modules', 'onnxruntime-node');
const libraries = join(folder, 'bin', 'napi-v6', 'linux', process.arch);
const library = join(libraries, 'libonnxruntime_providers_cuda.so');
const argv = process.argv.slice(2);

if (argv.length > 1 || (argv.length === 1 && argv[0] !== '--from-wheel')) {
  console.error(`there is no option "${argv.join(' ')}"; usage: npm run gpu:cuda [-- --from-wheel]`);
  process.exit(2);
}
if (argv.length === 1) fromWheel();
else fromNuget();
if (!existsSync(library)) {
  console.error(`the CUDA provider was not fetched: ${library} is missing`);
  process.exit(1);
}
console.log('fetched; restart dcfd, and see with "dcf doctor" whether CUDA can be used, and which of its libraries is missing if not');

function fromNuget() {
  // In either spelling it may say "skip", which is meant for installs.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/onnxruntime_node_install/i.test(name)));
  const { status } = spawnSync(process.execPath, [join(folder, 'script', 'install.js')], {
    stdio: 'inherit',
    env: { ...env, ONNXRUNTIME_NODE_INSTALL: 'true' },
  });
  if (status === 0 && existsSync(library)) return;
  console.error(
    'the CUDA provider was not fetched from NuGet: that needs Linux on x64 and a way to nuget.org. "npm run gpu:cuda -- --from-wheel" takes it from the Python package onnxruntime-gpu',
  );
  process.exit(1);
}

function fromWheel() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.error('the wheel with the CUDA provider is for Linux on x64 alone');
    process.exit(1);
  }
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  // Beside its target, so that nothing is left half written there.
  const fetched = mkdtempSync(join(folder, 'wheel-'));
  try {
    const names = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];
    for (const name of takeFromWheel(version, fetched, names)) renameSync(join(fetched, name), join(libraries, name));
  } catch (error) {
    console.error(`the CUDA provider was not fetched: ${error.message}`);
    process.exitCode = 1;
  } finally {
    rmSync(fetched, { recursive: true, force: true });
  }
  if (process.exitCode === 1) process.exit();
}
