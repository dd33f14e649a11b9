import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readdir, realpath, rm, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../../core/errors.js';
import type { Interpreter } from '../../core/interpreter.js';
import { planDependencies } from '../../languages/languages.js';
import { isStaging } from '../disk/atomic-file.js';
import { dependencyDirectory } from '../disk/layout.js';
import { cancelled, installDependencies } from './dependencies.js';
import { provideSystemPackages } from './system-packages.js';

/** The options of `installLocally`. */
export interface LocalInstall {
  /** Folder with the function's files, laid out like a revision's folder. */
  directory: string;
  /** Folder of installed packages, which all runs of this user share. It is made if it does not exist. */
  cache: string;
  /** Runs the function. */
  interpreter: Interpreter;
  /** Called with each line that the installer prints. */
  onOutput: (line: string) => void;
  /** Called before packages are installed, which takes a while. */
  onBegin: () => void;
  signal: AbortSignal;
}

/**
 * Installs a function's packages for `dcf run`, as a daemon does, and links them into its folder. When several processes want equal
 * packages, one installs them and the others wait.
 *
 * @returns the folder in the cache that has the packages; `undefined` when the function has no dependencies
 * @throws DcfError FAILED_PRECONDITION with the installer's last lines, CANCELLED when the signal aborts
 */
export async function installLocally(options: LocalInstall): Promise<string | undefined> {
  const { directory, interpreter, onOutput, onBegin, signal } = options;
  const plan = await planDependencies(directory, interpreter);
  if (plan === undefined) return undefined;
  await mkdir(join(options.cache, 'dependencies'), { recursive: true });
  const cache = await realpath(options.cache);
  const target = dependencyDirectory(cache, plan.digest);
  const install = async (): Promise<void> => {
    await installDependencies({ revisionDirectory: directory, dataDirectory: cache, onOutput, signal, interpreter });
  };
  const release = await lock(`${target}.lock`, signal);
  try {
    // Removes what a killed run has left. The lock guarantees that no other process installs this now.
    const beside = await readdir(dirname(target));
    if (!beside.includes(basename(target))) onBegin();
    for (const name of beside.filter((entry) => entry.startsWith(basename(target)) && isStaging(entry)))
      await rm(join(dirname(target), name), { recursive: true, force: true });
    await install();
  } finally {
    await release();
  }
  // The time of the folder shows when it was used last.
  const now = new Date();
  await utimes(target, now, now).catch(() => undefined);
  return target;
}

/** Says which packages of `packages.apt` this host lacks, for people; `undefined` when it has all of them. */
export async function systemPackagesProblem(names: readonly string[]): Promise<string | undefined> {
  if (names.length === 0) return undefined;
  try {
    await provideSystemPackages(names, { mayInstall: false, onOutput: () => undefined });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Takes a lock, and waits while another process has it. It ends with this process, however that ends. On hosts without flock(1) it does
 * not wait: two processes may then install the same, and the first result is used.
 */
async function lock(path: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const file = await open(path, 'a', 0o600);
  try {
    // The lock belongs to the open file, which this process shares with flock: https://man7.org/linux/man-pages/man1/flock.1.html
    const child = spawn('flock', ['-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd], signal });
    await once(child, 'close');
  } catch (error) {
    if (signal.aborted) {
      await file.close();
      throw cancelled({ cause: error });
    }
  }
  return () => file.close();
}
