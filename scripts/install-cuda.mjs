// Fetches the CUDA and TensorRT providers of ONNX Runtime, which are too large for the npm registry. It downloads from
// NuGet, so it is a command of its own and no part of an install.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'node_modules', 'onnxruntime-node');
const library = join(folder, 'bin', 'napi-v6', 'linux', process.arch, 'libonnxruntime_providers_cuda.so');

// Either may say "skip", for installs.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/onnxruntime_node_install/i.test(name)));
const { status } = spawnSync(process.execPath, [join(folder, 'script', 'install.js')], {
  stdio: 'inherit',
  env: { ...env, ONNXRUNTIME_NODE_INSTALL: 'true' },
});
if (status !== 0 || !existsSync(library)) {
  console.error(`the CUDA provider was not fetched: ${library} is missing. It needs Linux on x64 and a way to nuget.org.`);
  process.exit(1);
}
console.log('fetched; restart dcfd, and see with "dcf doctor" whether CUDA can be used (it needs CUDA 12 and cuDNN 9 of the host)');
