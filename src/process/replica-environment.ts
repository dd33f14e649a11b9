import type { Confinement } from './confinement.js';
import { deviceEnvironment } from './device-lease.js';

/** The variables that a replica gets from the daemon's environment, those for GPU drivers and libraries among them: none could be a secret. */
const passedOn = /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|CUDA_.*|NVIDIA_.*|OMP_.*|VK_.*|__EGL_VENDOR_LIBRARY_.*)$/;
/** In a sandbox the daemon's folders do not exist, and only /tmp can be written. */
const sandboxFolders = { HOME: '/tmp', TMPDIR: '/tmp' };

/** The part of the daemon's environment that the processes it starts may get. */
export function inheritedEnvironment(): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && passedOn.test(name)) inherited[name] = value;
  }
  return inherited;
}

/** What a replica's environment depends on. */
export interface ReplicaSurroundings {
  /** How many workers the replica has. */
  threads: number;
  /** The variables that its manifest names. */
  environment: Readonly<Record<string, string>>;
  /** Numbers of the devices that it may use; `undefined`: all that the daemon sees. */
  devices: readonly string[] | undefined;
  confinement: Confinement;
}

/** Makes the environment of a replica's process. */
export function replicaEnvironment({ threads, environment, devices, confinement }: ReplicaSurroundings): Record<string, string> {
  // Without this, ONNX Runtime sends telemetry to its vendor and keeps files for that in the home folder.
  const own = { ORT_DISABLE_TELEMETRY: '1', ...inheritedEnvironment() };
  const folders = confinement.isolation.kind === 'sandbox' ? sandboxFolders : {};
  return { ...own, ...folders, ...environment, ...deviceEnvironment(devices), DCF_WORKERS: String(threads) };
}
