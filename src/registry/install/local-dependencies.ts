import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readdir, realpath, rm, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf } from '../../core/errors.js';
import type { Interpreter } from '../../core/interpreter.js';
import { isStaging } from '../disk/atomic-file.js';
import { dependencyDirectory } from '../disk/layout.js';
import { installDependencies } from './dependencies.js';
import { planDependencies } from './planners.js';
import { provideSystemPackages } from './system-packages.js';

/** The one door for who runs a function without a daemon: what a daemon would install for it. */
export interface LocalInstall {
  /** The function's files, laid out as those of a revision. */
  directory: string;
  /** Shared by all runs of this user; made where it is missing. */
  cache: string;
  /** What runs the function. */
  interpreter: Interpreter;
  onOutput: (line: string) => void;
  /** Called when there is something to install, which takes a while. */
  onBegin: () => void;
  signal: AbortSignal;
}

/**
 * Installs what package.json with its lock file, or requirements.txt, names, as a daemon does, and links it into the folder. The same
 * packages are installed once, whichever process comes first; the others wait for it.
 *
 * @returns the folder in the cache that has them; `undefined` when nothing is named
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
    // What a run that was killed has left; nobody else installs this now.
    const beside = await readdir(dirname(target));
    if (!beside.includes(basename(target))) onBegin();
    for (const name of beside.filter((entry) => entry.startsWith(basename(target)) && isStaging(entry)))
      await rm(join(dirname(target), name), { recursive: true, force: true });
    await install();
  } finally {
    await release();
  }
  // So that one can tell what has not been used for long.
  const now = new Date();
  await utimes(target, now, now).catch(() => undefined);
  return target;
}

/** What of `packages.apt` this host lacks, in words; `undefined` where it has all of it. */
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
 * Waits for a lock that other processes may have; it ends with this one, however that ends. Where there is no flock(1), nobody waits: two
 * may install the same then, and the one that comes first counts.
 */
async function lock(path: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const file = await open(path, 'a', 0o600);
  try {
    // https://man7.org/linux/man-pages/man1/flock.1.html: the lock is that of the open file, which this process shares with its child.
    const child = spawn('flock', ['-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd], signal });
    await once(child, 'close');
  } catch (error) {
    if (signal.aborted) {
      await file.close();
      throw error;
    }
  }
  return () => file.close();
}
