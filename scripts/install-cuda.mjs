// Fetches the CUDA and TensorRT providers of ONNX Runtime, which are too large for the npm registry. It downloads from
// NuGet, so it is a command of its own and no part of an install.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const script = join(root, 'node_modules', 'onnxruntime-node', 'script', 'install.js');
const { npm_config_onnxruntime_node_install: _skip, ...env } = process.env;
const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit', env: { ...env, ONNXRUNTIME_NODE_INSTALL: 'cuda12' } });
if (status !== 0) {
  console.error('the CUDA provider was not fetched: this host needs Linux on x64 and a way to nuget.org');
  process.exit(status ?? 1);
}
console.log('fetched; restart dcfd, and see with "dcf doctor" whether CUDA can be used (it needs CUDA 12 and cuDNN 9 of the host)');
