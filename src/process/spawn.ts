import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import type { OnReadOpts, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatSize } from '@dcf/sdk/units';
import { DcfError, messageOf } from '../core/errors.js';
import type { Interpreter } from '../core/interpreter.js';
import { runtimeCommand } from '../languages/languages.js';
import { openCgroup } from './confinement.js';
import type { Exit } from './process-exit.js';
import { type ReplicaSurroundings, replicaEnvironment } from './replica-environment.js';
import { type PipedProcess, ReplicaProcess, type SpawnedProcess } from './replica-process.js';
import { sandboxCommand } from './sandbox.js';
import { requireSandbox } from './sandbox-support.js';
import { directStarter, type Starter, StarterGone } from './spawner/starter.js';
import { connectOutput, connectWorker } from './worker-socket.js';

export type { Exit, SpawnedProcess };

export interface SpawnOptions extends ReplicaSurroundings {
  interpreter: Interpreter;
  /** Absolute path of the revision's folder. */
  directory: string;
  /** Starts the process. */
  starter: Starter;
}

/** Takes the daemon's ends of a replica's streams. */
export interface WorkerEnds {
  /** Called for each worker before the process runs. `open` connects the daemon to the worker. */
  create(open: (onread: OnReadOpts) => Socket, index: number): void;
  /** Forgets all workers: the start is tried again, and `create` is called again for each. */
  discard(): void;
}

let deathSignal: boolean | undefined;

/**
 * Whether `setpriv` can have the kernel kill a replica when the daemon dies. Without it, a replica that is busy in user code never
 * notices the end of its stream. https://man7.org/linux/man-pages/man1/setpriv.1.html
 */
function hasDeathSignal(): boolean {
  deathSignal ??= process.platform === 'linux' && spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;
  return deathSignal;
}

/**
 * Starts a replica's process and connects its workers' streams.
 *
 * @throws DcfError UNAVAILABLE when the system cannot start a process; INVALID_ARGUMENT when the environment is too large;
 *   FAILED_PRECONDITION when this host lacks the isolation or the memory limit that the function asks for
 */
export async function spawnReplica(options: SpawnOptions, workers: WorkerEnds): Promise<SpawnedProcess> {
  try {
    return await spawnBy(options.starter, options, workers);
  } catch (error) {
    if (!(error instanceof StarterGone)) throw error;
    workers.discard();
    return await spawnBy(directStarter, options, workers);
  }
}

async function spawnBy(starter: Starter, options: SpawnOptions, workers: WorkerEnds): Promise<SpawnedProcess> {
  const { confinement } = options;
  const sandbox = await sandboxOf(options, starter);
  const cgroup = openCgroup(confinement);
  const program = runtimeCommand(options.interpreter, options.threads, confinement.memoryLimit);
  const deathSignal = starter.endsWithIt && hasDeathSignal() ? ['setpriv', '--pdeathsig', 'KILL'] : [];
  const command = [...(cgroup?.enter ?? []), ...deathSignal, ...sandbox, ...program];
  try {
    return new ReplicaProcess(await startConnected(starter, command, options, workers), confinement, cgroup);
  } catch (error) {
    await cgroup?.remove();
    if (error instanceof StarterGone || DcfError.is(error)) throw error;
    if (messageOf(error).includes('E2BIG')) throw tooManyVariables(options.environment, error);
    throw new DcfError('UNAVAILABLE', `no process could be started: ${messageOf(error)}`, { cause: error });
  }
}

/** A host may take less than a manifest allows: a quarter of its stack limit. The error shows names and sizes only, as values may be secrets. */
function tooManyVariables(environment: Readonly<Record<string, string>>, cause: unknown): DcfError {
  const sizes = Object.entries(environment).map(([name, value]) => ({ name, bytes: Buffer.byteLength(value) }));
  const largest = sizes.sort((a, b) => b.bytes - a.bytes).slice(0, 3);
  const shown = largest.map(({ name, bytes }) => `${name} with ${formatSize(bytes)}`).join(', ');
  const message = `the environment is too large for this host (E2BIG; "getconf ARG_MAX" prints its limit in bytes): make it smaller; the largest variables are ${shown}`;
  return new DcfError('INVALID_ARGUMENT', message, { cause });
}

/** Starts the process. The socket's path exists only meanwhile, in a folder that no other user may enter. */
async function startConnected(
  starter: Starter,
  command: readonly string[],
  options: SpawnOptions,
  workers: WorkerEnds,
): Promise<PipedProcess> {
  const { threads, directory } = options;
  const folder = await mkdtemp(join(tmpdir(), 'dcf-'));
  const path = join(folder, 'start');
  const outputs: Socket[] = [];
  try {
    const environment = replicaEnvironment(options);
    const { started } = await starter.listen({ path, connections: 2 + threads, command, directory, environment });
    const [stdout, stderr] = [connectOutput(path), connectOutput(path)];
    outputs.push(stdout, stderr);
    for (let index = 0; index < threads; index++) workers.create((onread) => connectWorker(path, onread), index);
    return { ...(await started), stdout, stderr };
  } catch (error) {
    for (const output of outputs) output.destroy();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function sandboxOf({ directory, confinement }: SpawnOptions, { endsWithIt }: Starter): Promise<string[]> {
  const { isolation, memoryLimit } = confinement;
  if (isolation.kind === 'process') return [];
  const { sized } = await requireSandbox();
  return sandboxCommand({ ...isolation, directory, temporarySize: sized ? memoryLimit : undefined, outlivesParent: !endsWithIt });
}
