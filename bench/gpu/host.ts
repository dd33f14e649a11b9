import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { repositoryPath, temporaryFolder } from '../harness/paths.js';
import type { Scope } from '../harness/scope.js';
import type { CheckOptions } from './options.js';

const run = promisify(execFile);
const timeLimitMs = 60_000;

/** Which build of ONNX Runtime's main library takes the CUDA provider: that of npm, or that of the wheel it came in. */
export type Runtime = 'npm' | 'wheel';

/** What this host has, and what its processes need to find it. */
export interface Host {
  /** Python with PyTorch; `undefined` where none was found. */
  python: { program: string; version: string; seesCuda: boolean } | undefined;
  /** Folders of CUDA's libraries that came with PyTorch. */
  cudaFolders: readonly string[];
  /** Libraries that the host lacks and the bundle has. */
  lent: readonly string[];
  /** The variables of the daemon, and of a session in one process, with either build. */
  environment: (runtime: Runtime) => Readonly<Record<string, string>>;
}

/** Where NVIDIA's container tools put a driver that the loaders do not look for. */
const driver = '/usr/local/nvidia';
const vulkanManifest = join(driver, 'share/vulkan/icd.d/nvidia_icd.json');
const eglManifest = join(driver, 'share/glvnd/egl_vendor.d/10_nvidia.json');
const findTorch = `import json, os, sys, torch
print(json.dumps({"program": sys.executable, "version": torch.__version__, "cuda": torch.cuda.is_available(), "packages": os.path.dirname(os.path.dirname(torch.__file__))}))`;

/** Looks for PyTorch and libraries, and lays what is missing into a folder that goes with the scope. */
export async function prepareHost(scope: Scope, { python, cuda, libraries }: CheckOptions): Promise<Host> {
  const torch = await askPython(python ?? 'python3');
  const nvidia = torch === undefined ? '' : join(torch.packages, 'nvidia');
  const cudaFolders = existsSync(nvidia)
    ? readdirSync(nvidia)
        .map((name) => join(nvidia, name, 'lib'))
        .filter(existsSync)
    : [];
  const folder = await temporaryFolder(scope);
  const lent = libraries === undefined ? [] : lend(resolve(libraries), await knownLibraries(), join(folder, 'lent'));
  if (cuda !== undefined) installProvider(resolve(cuda), join(folder, 'wheel'));
  const drivers = ['lib64', 'lib'].map((name) => join(driver, name)).filter(existsSync);
  const shared = [...cudaFolders, join(folder, 'lent'), ...(process.env['LD_LIBRARY_PATH']?.split(':') ?? []), ...drivers];
  const environment = (runtime: Runtime): Record<string, string> => ({
    LD_LIBRARY_PATH: [...(runtime === 'wheel' ? [join(folder, 'wheel')] : []), ...shared].filter((path) => path !== '').join(':'),
    ...(existsSync(vulkanManifest) && process.env['VK_DRIVER_FILES'] === undefined ? { VK_DRIVER_FILES: vulkanManifest } : {}),
    ...(existsSync(eglManifest) ? { __EGL_VENDOR_LIBRARY_FILENAMES: eglManifest } : {}),
    ...(torch === undefined ? {} : { DCF_PYTHON: torch.program }),
    ORT_DISABLE_TELEMETRY: '1',
    // A revision that is kept warm beside the new one would be counted, in memory and in speed.
    DCF_KEEP_WARM: '0s',
  });
  return { python: torch, cudaFolders, lent, environment };
}

/** Links the CUDA provider into npm's package, where that looks for it, and beside the wheel's own library. */
function installProvider(from: string, wheel: string): void {
  const target = repositoryPath('node_modules/onnxruntime-node/bin/napi-v6/linux/x64');
  mkdirSync(wheel, { recursive: true });
  for (const name of readdirSync(from).filter((file) => file.startsWith('libonnxruntime'))) {
    symlinkSync(join(from, name), join(wheel, name));
    if (!name.startsWith('libonnxruntime_providers_') || existsSync(join(target, name))) continue;
    rmSync(join(target, name), { force: true });
    symlinkSync(join(from, name), join(target, name));
  }
}

/** Makes links to the libraries of a folder that the loader does not know. Returns their names. */
function lend(from: string, known: ReadonlySet<string>, to: string): string[] {
  mkdirSync(to, { recursive: true });
  const lent = readdirSync(from).filter((name) => !known.has(name));
  for (const name of lent) symlinkSync(join(from, name), join(to, name));
  return lent;
}

/** The names of the libraries that the loader finds by itself. */
async function knownLibraries(): Promise<ReadonlySet<string>> {
  try {
    const { stdout } = await run('ldconfig', ['-p'], { env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/sbin:/usr/sbin` } });
    return new Set(stdout.split('\n').flatMap((line) => /^\t(\S+) /.exec(line)?.[1] ?? []));
  } catch {
    return new Set();
  }
}

async function askPython(program: string): Promise<{ program: string; version: string; seesCuda: boolean; packages: string } | undefined> {
  try {
    const { stdout } = await run(program, ['-c', findTorch], { timeout: timeLimitMs, killSignal: 'SIGKILL' });
    const said: unknown = JSON.parse(stdout);
    if (typeof said !== 'object' || said === null) return undefined;
    const { program: found, version, packages, cuda } = Object.fromEntries(Object.entries(said));
    return { program: String(found), version: String(version), seesCuda: cuda === true, packages: String(packages) };
  } catch {
    return undefined;
  }
}
