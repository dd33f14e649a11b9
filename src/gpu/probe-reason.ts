import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const titles: Readonly<Record<string, string>> = { cuda: 'CUDA', tensorrt: 'TensorRT', webgpu: 'WebGPU', cpu: 'CPU' };

/**
 * Explains in one line for people why ONNX Runtime could not create a session. Its error says little; its log has the rest.
 *
 * @param name - the execution provider
 * @param message - the message of the error
 * @param log - what the process wrote to stderr
 */
export function explainFailure(name: string, message: string, log: string): string {
  const title = titles[name] ?? name;
  // CUDA's own error is in the middle of the text: "… CUDA failure 100: no device ; GPU=-1 ; …".
  const failed = /CUDA failure (\d+): ([^;\n]*[^;\s])/.exec(`${message}\n${log}`);
  if (failed !== null) return `${title} fails with error ${failed[1]}: ${failed[2]}`;
  const library = providerLibrary(name);
  if (library !== undefined && !existsSync(library)) {
    return `the ${title} provider of ONNX Runtime is not installed: ${library} is missing; "npm run gpu:cuda" in DCF's own folder fetches it`;
  }
  // An error of dlopen: "libcublasLt.so.12: cannot open shared object file: No such file or directory".
  const missing = /([^\s:]+): cannot open shared object file/.exec(log)?.[1];
  if (/Failed to get a WebGPU adapter/.test(message)) {
    return missing === undefined ? 'WebGPU finds no GPU on this host' : `WebGPU finds no GPU on this host: ${missing} is missing`;
  }
  if (missing !== undefined) return `the ${title} provider needs ${missing}, which is not on this host`;
  return firstLine(/\[ONNXRuntimeError\] : \d+ : \w+ : (.+)/.exec(log)?.[1] ?? message);
}

/** The path at which ONNX Runtime looks for the library of a provider; `undefined` for a provider that is built into it. */
function providerLibrary(name: string): string | undefined {
  if (name !== 'cuda' && name !== 'tensorrt') return undefined;
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const file = process.platform === 'win32' ? `onnxruntime_providers_${name}.dll` : `libonnxruntime_providers_${name}.so`;
  return join(folder, 'bin', 'napi-v6', process.platform, process.arch, file);
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

/** Device files of GPUs: NVIDIA, Mesa, WSL, AMD compute, and the embedded ones of NVIDIA, ARM and Qualcomm. */
const gpuDevice = /^\/dev\/(nvidia|dri\/|dxg$|kfd$|nvhost|nvmap|mali|kgsl)/;

/**
 * Whether a Linux process with a WebGPU session uses a GPU. A software adapter (lavapipe, SwiftShader) works without one, and ONNX
 * Runtime does not tell which adapter it has chosen.
 *
 * @param openFiles - the targets of the links in /proc/self/fd
 */
export function holdsGpu(openFiles: readonly string[]): boolean {
  return openFiles.some((path) => gpuDevice.test(path));
}
