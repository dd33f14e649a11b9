import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { DcfError, messageOf } from '../core/errors.js';
import { type Confinement, openCgroup } from './confinement.js';
import { deviceEnvironment } from './device-lease.js';
import type { MemoryCgroup } from './memory-cgroup.js';
import type { Exit } from './process-exit.js';
import { ReplicaProcess, type SpawnedProcess } from './replica-process.js';
import { type Runtime, runtimeCommand } from './runtime-command.js';
import { sandboxCommand } from './sandbox.js';
import { requireSandbox } from './sandbox-support.js';

export type { Exit, SpawnedProcess };

export interface SpawnOptions {
  /** The child's ends of the workers' socket pairs, one each; its descriptors 3, 4, … */
  ends: readonly Socket[];
  runtime: Runtime;
  directory: string;
  environment: Readonly<Record<string, string>>;
  /** `undefined`: those of the daemon. */
  devices: readonly string[] | undefined;
  confinement: Confinement;
}

/** What a replica may see of the daemon's environment: nothing that could be a secret. */
const passedOn = /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|CUDA_.*|NVIDIA_.*|OMP_.*)$/;
/** The daemon's folders mean nothing in a sandbox; /tmp is the only one that can be written there. */
const sandboxFolders = { HOME: '/tmp', TMPDIR: '/tmp' };

function replicaEnvironment({ ends, environment, devices, confinement }: SpawnOptions): Record<string, string> {
  // ONNX Runtime reports its use to its makers, and keeps files for that in the home folder, unless it is told not to.
  const inherited: Record<string, string> = { ORT_DISABLE_TELEMETRY: '1' };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && passedOn.test(name)) inherited[name] = value;
  }
  const folders = confinement.isolation.kind === 'sandbox' ? sandboxFolders : {};
  return { ...inherited, ...folders, ...environment, ...deviceEnvironment(devices), DCF_WORKERS: String(ends.length) };
}

let deathSignal: boolean | undefined;

/**
 * A replica that spins in user code never reads its end of file, so where util-linux is there the kernel ends it when
 * the daemon dies. https://man7.org/linux/man-pages/man1/setpriv.1.html
 */
function hasDeathSignal(): boolean {
  deathSignal ??= process.platform === 'linux' && spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  return deathSignal;
}

/**
 * Starts a replica's process.
 *
 * @throws DcfError UNAVAILABLE when the system starts no process, FAILED_PRECONDITION when it cannot be confined as asked
 */
export async function spawnReplica(options: SpawnOptions): Promise<SpawnedProcess> {
  const { ends, runtime, directory, confinement } = options;
  const sandbox = await sandboxOf(options);
  const cgroup = openCgroup(confinement);
  const program = runtimeCommand(runtime, ends.length, confinement);
  const command = [...(hasDeathSignal() ? ['setpriv', '--pdeathsig', 'KILL'] : []), ...sandbox, ...program];
  const [file = '', ...argv] = [...(cgroup?.enter ?? []), ...command];
  const child = spawn(file, argv, {
    cwd: directory,
    env: replicaEnvironment(options),
    // Its own process group: a Ctrl-C at the daemon's terminal is for the daemon, and a kill takes its children along.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...ends],
  });
  try {
    await once(child, 'spawn');
    // A later error would be a signal that could not be sent, to a process that has gone.
    child.on('error', () => undefined);
  } catch (error) {
    await cgroup?.remove();
    throw new DcfError('UNAVAILABLE', `no process could be started: ${messageOf(error)}`, { cause: error });
  }
  return own(child, confinement, cgroup);
}

async function sandboxOf({ directory, confinement }: SpawnOptions): Promise<string[]> {
  const { isolation, memoryLimit } = confinement;
  if (isolation.kind === 'process') return [];
  const { sized } = await requireSandbox();
  return sandboxCommand({ ...isolation, directory, temporarySize: sized ? memoryLimit : undefined });
}

function own(child: ChildProcess, confinement: Confinement, cgroup: MemoryCgroup | undefined): SpawnedProcess {
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw new DcfError('INTERNAL', 'the process has no pipes');
  return new ReplicaProcess({ child, pid, stdout, stderr }, confinement, cgroup);
}
