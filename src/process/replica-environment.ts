import type { Confinement } from './confinement.js';
import { deviceEnvironment } from './device-lease.js';

/** What a replica may see of the daemon's environment, where it finds GPUs' drivers and libraries too: nothing that could be a secret. */
const passedOn = /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|CUDA_.*|NVIDIA_.*|OMP_.*|VK_.*|__EGL_VENDOR_LIBRARY_.*)$/;
/** The daemon's folders mean nothing in a sandbox; /tmp is the only one that can be written there. */
const sandboxFolders = { HOME: '/tmp', TMPDIR: '/tmp' };

/** What of the daemon's environment any process beside it gets. */
export function inheritedEnvironment(): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && passedOn.test(name)) inherited[name] = value;
  }
  return inherited;
}

/** What a replica's environment is made of. */
export interface ReplicaSurroundings {
  /** How many workers the replica has. */
  threads: number;
  /** The variables that its manifest names. */
  environment: Readonly<Record<string, string>>;
  /** The devices that it may use; `undefined`: those of the daemon. */
  devices: readonly string[] | undefined;
  confinement: Confinement;
}

/** What a replica finds in its environment. */
export function replicaEnvironment({ threads, environment, devices, confinement }: ReplicaSurroundings): Record<string, string> {
  // ONNX Runtime reports its use to its makers, and keeps files for that in the home folder, unless it is told not to.
  const own = { ORT_DISABLE_TELEMETRY: '1', ...inheritedEnvironment() };
  const folders = confinement.isolation.kind === 'sandbox' ? sandboxFolders : {};
  return { ...own, ...folders, ...environment, ...deviceEnvironment(devices), DCF_WORKERS: String(threads) };
}
