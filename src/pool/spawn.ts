import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DcfError, messageOf } from '../core/errors.js';

export interface SpawnOptions {
  /** The child's ends of the workers' socket pairs, one each; its descriptors 3, 4, … */
  ends: readonly Socket[];
  directory: string;
  environment: Readonly<Record<string, string>>;
}

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A replica's process. */
export interface SpawnedProcess {
  pid: number;
  stdout: Readable;
  stderr: Readable;
  exited: Promise<Exit>;
  /** Sends SIGKILL to the process and to everything that it started. */
  kill(): void;
  /** What it uses, in bytes. */
  memory(): { rss: number; peak: number };
}

const nodeRuntime = fileURLToPath(new URL('../runtimes/node/main.js', import.meta.url));

/** What a replica may see of the daemon's environment: nothing that could be a secret. */
const passedOn = /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|LD_LIBRARY_PATH|CUDA_.*|NVIDIA_.*|OMP_.*)$/;

function replicaEnvironment(options: SpawnOptions): Record<string, string> {
  // ONNX Runtime reports its use to its makers, and keeps files for that in the home folder, unless it is told not to.
  const environment: Record<string, string> = { ORT_DISABLE_TELEMETRY: '1' };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && passedOn.test(name)) environment[name] = value;
  }
  return { ...environment, ...options.environment, DCF_WORKERS: String(options.ends.length) };
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

/** Starts a replica's process. Throws a DcfError UNAVAILABLE when the system starts no process. */
export async function spawnReplica(options: SpawnOptions): Promise<SpawnedProcess> {
  const command = [process.execPath, '--enable-source-maps', nodeRuntime];
  const [file = '', ...argv] = hasDeathSignal() ? ['setpriv', '--pdeathsig', 'KILL', ...command] : command;
  const child = spawn(file, argv, {
    cwd: options.directory,
    env: replicaEnvironment(options),
    // Its own process group: a Ctrl-C at the daemon's terminal is for the daemon, and a kill takes its children along.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...options.ends],
  });
  try {
    await once(child, 'spawn');
    // A later error would be a signal that could not be sent, to a process that has gone.
    child.on('error', () => undefined);
  } catch (error) {
    throw new DcfError('UNAVAILABLE', `no process could be started: ${messageOf(error)}`, { cause: error });
  }
  return own(child);
}

function own(child: ChildProcess): SpawnedProcess {
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw new DcfError('INTERNAL', 'the process has no pipes');
  let gone = false;
  const kill = (): void => {
    if (gone) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The group is empty already.
    }
  };
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      // What it started and left behind is of no use to anybody. Later the number may be another process's.
      kill();
      gone = true;
      resolve({ code, signal });
    });
  });
  return { pid, stdout, stderr, exited, kill, memory: () => ({ rss: 0, peak: 0 }) };
}
