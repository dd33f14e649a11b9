import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { explainFailure, holdsGpu } from '../../../src/gpu/probe-reason.js';

describe('explainFailure', () => {
  test('names the library that a provider of its own needs', () => {
    const { platform, arch } = process;
    const folder = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')), 'bin/napi-v6', platform, arch);
    for (const [name, title] of [
      ['cuda', 'CUDA'],
      ['tensorrt', 'TensorRT'],
    ] as const) {
      const library = join(folder, platform === 'win32' ? `onnxruntime_providers_${name}.dll` : `libonnxruntime_providers_${name}.so`);
      const missing = `the ${title} provider of ONNX Runtime is not installed: ${library} is missing; "npm run gpu:cuda" in DCF's own folder fetches it`;
      // What the other providers need is theirs alone, and a library that was fetched is not missing.
      assert.equal(explainFailure(name, 'Failed to load', ''), existsSync(library) ? 'Failed to load' : missing);
      assert.equal(explainFailure('cpu', 'Failed to load', ''), 'Failed to load');
    }
  });

  test('names the system library that dlopen did not find', () => {
    const log =
      'Failed to load library /x/libprovider.so with error: libcublasLt.so.12: cannot open shared object file: No such file or directory\n';
    assert.equal(
      explainFailure('webgpu', 'Failed to load shared library', log),
      'the WebGPU provider needs libcublasLt.so.12, which is not on this host',
    );
  });

  test('tells of WebGPU that there is no adapter, and why', () => {
    const message = '/src/webgpu_context.cc:136 adapter_result.status was false. Failed to get a WebGPU adapter: No supported adapters\n';
    assert.equal(explainFailure('webgpu', message, ''), 'WebGPU finds no GPU on this host');
    const log = "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file: No such file or directory\n    at x";
    assert.equal(explainFailure('webgpu', message, log), 'WebGPU finds no GPU on this host: libvulkan.so.1 is missing');
  });

  test('tells what CUDA said, not where in ONNX Runtime it was asked', () => {
    const where =
      '/src/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, Status> CudaCall(ERRTYPE) [with ERRTYPE = cudaError; bool THRW = true]';
    const message = `${where} ${where} CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=vm ; expr=cudaSetDevice(id);`;
    assert.equal(explainFailure('cuda', message, ''), 'CUDA fails with error 100: no CUDA-capable device is detected');
  });

  test('prefers what ONNX Runtime logged to what it threw, and keeps one line', () => {
    const log = 'E:onnxruntime [ONNXRuntimeError] : 1 : FAIL : CUDA failure 35: driver version is insufficient\nmore';
    assert.equal(explainFailure('cuda', 'failed', log), 'CUDA fails with error 35: driver version is insufficient');
    assert.equal(explainFailure('webgpu', 'failed', log.replace('CUDA failure 35: ', '')), 'driver version is insufficient');
    assert.equal(explainFailure('cpu', 'first\nsecond', ''), 'first');
  });
});

describe('holdsGpu', () => {
  test('knows the device files of GPUs', () => {
    for (const path of ['/dev/nvidia0', '/dev/nvidiactl', '/dev/dri/renderD128', '/dev/dxg', '/dev/kfd']) {
      assert.equal(holdsGpu(['/dev/null', path]), true, path);
    }
  });

  test('takes nothing else for one: a software adapter has none', () => {
    assert.equal(holdsGpu(['/dev/null', 'socket:[1]', '/tmp/nvidia0', '/tmp/dev/nvidia0', '/dev/shm/dri', '/home/dri/x']), false);
  });
});
