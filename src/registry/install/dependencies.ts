import { appendFile, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { formatSize } from '@dcf/sdk/units';
import { DcfError, errorCode } from '../../core/errors.js';
import { type Interpreter, nodeInterpreter } from '../../core/interpreter.js';
import { type Digest, isDigest } from '../../core/names.js';
import { SharedTasks } from '../../core/shared-task.js';
import { packageLinks, planDependencies } from '../../languages/languages.js';
import type { DependencyPlan } from '../../languages/shared/dependency-plan.js';
import type { InstallerRun } from '../../languages/shared/installer.js';
import { exists, isStaging, removeFolder, stagingOf, syncPath, syncTree, unfinished } from '../disk/atomic-file.js';
import { diskError } from '../disk/disk-error.js';
import { buildLogOf, dependenciesDirectory, dependencyDirectory } from '../disk/layout.js';
import { shareFiles, sweepSharedFiles } from './shared-files.js';

export interface InstallOptions {
  revisionDirectory: string;
  dataDirectory: string;
  /** Called with each line that the installer prints. */
  onOutput: (line: string) => void;
  /** Ends the install, unless another caller waits for it, too. */
  signal?: AbortSignal;
  /** Milliseconds after which the installer is killed. @default ten minutes */
  timeLimitMs?: number;
  /** Runs the revision. @default this program's Node */
  interpreter?: Interpreter;
}

const defaultTimeLimitMs = 10 * 60_000;
/** Lines of an installer's output that are kept in the build log, and shown to callers that join later. */
const maxPrinted = 1000;
const installs = new SharedTasks<string>();
/** For each folder the number of callers that wait for it or are about to link it: it must not be swept. */
const claims = new Map<string, number>();

/**
 * Installs the packages that package.json and its lock file, or a Python function's requirements.txt, name, and links them into the
 * revision's folder. Equal dependencies are installed once for all revisions and callers.
 *
 * @returns whether the revision has dependencies
 * @throws DcfError FAILED_PRECONDITION with the installer's last lines, CANCELLED when `signal` aborts. Nothing is left on disk then
 */
export async function installDependencies(options: InstallOptions): Promise<boolean> {
  const { revisionDirectory, dataDirectory, signal, interpreter = nodeInterpreter } = options;
  const plan = await planDependencies(revisionDirectory, interpreter);
  if (plan === undefined) return false;
  const target = dependencyDirectory(dataDirectory, plan.digest);
  claims.set(target, (claims.get(target) ?? 0) + 1);
  try {
    if (signal?.aborted === true) throw cancelled();
    if (!(await exists(target))) await share(plan, target, options);
    await link(revisionDirectory, plan, target);
  } catch (error) {
    throw diskError(error, dataDirectory, 'install the dependencies');
  } finally {
    const others = (claims.get(target) ?? 1) - 1;
    if (others === 0) claims.delete(target);
    else claims.set(target, others);
  }
  return true;
}

/** Joins the running install of `target`, or begins one. It ends early only when all callers that wait for it have given up. */
async function share(plan: DependencyPlan, target: string, options: InstallOptions): Promise<void> {
  let install = installs.get(target);
  while (install?.abandoned === true) {
    await install.ended();
    install = installs.get(target);
  }
  const { dataDirectory, timeLimitMs = defaultTimeLimitMs, signal } = options;
  install ??= installs.begin(
    target,
    (task) => installInto(plan, target, dataDirectory, { onOutput: task.tell, signal: task.signal, timeLimitMs }),
    { remembered: maxPrinted },
  );
  const log: string[] = [];
  const onOutput = (line: string): void => {
    if (log.length < maxPrinted) log.push(line);
    options.onOutput(line);
  };
  try {
    await install.join({ signal, onOutput }, () => cancelled());
  } finally {
    // The build log is only for people: an install does not fail without it.
    await appendFile(buildLogOf(options.revisionDirectory), log.map((line) => `${line}\n`).join('')).catch(() => undefined);
  }
}

async function installInto(plan: DependencyPlan, target: string, dataDirectory: string, run: InstallerRun): Promise<void> {
  if (await exists(target)) return;
  const staging = stagingOf(target);
  try {
    for (const [path, bytes] of plan.files) {
      await mkdir(dirname(join(staging, path)), { recursive: true });
      await writeFile(join(staging, path), bytes);
    }
    await plan.install(staging, run);
    // The installer makes no folder when all packages are optional and for another platform.
    await mkdir(join(staging, plan.folder), { recursive: true });
    const saved = await shareFiles(join(staging, plan.folder), dataDirectory);
    if (saved > 0) run.onOutput(`${formatSize(saved)} of it is shared with packages that were installed before`);
    await syncTree(staging);
    await rename(staging, target);
    await syncPath(dirname(target));
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another process has installed the same at the same time.
    if (['EEXIST', 'ENOTEMPTY'].includes(errorCode(error) ?? '') && (await exists(target))) return;
    throw error;
  }
}

/** Links the installed packages into a revision's folder. The link is relative, so that the data directory can be moved. */
async function link(revisionDirectory: string, plan: DependencyPlan, target: string): Promise<void> {
  const path = join(revisionDirectory, plan.link);
  const destination = relative(dirname(path), join(target, plan.folder));
  if ((await linkTarget(path)) === destination) return;
  await mkdir(dirname(path), { recursive: true });
  await rm(`${path}${unfinished}`, { force: true });
  await symlink(destination, `${path}${unfinished}`);
  await rename(`${path}${unfinished}`, path);
  await syncPath(dirname(path));
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Removes unfinished installs that a crash left. Must not be called while anything is being installed. */
export async function recoverDependencies(dataDirectory: string): Promise<void> {
  const directory = dependenciesDirectory(dataDirectory);
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(directory)) {
    if (isStaging(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
  await sweepSharedFiles(dataDirectory);
}

/**
 * Removes installed packages that no revision is linked to.
 *
 * @param revisionDirectories - the folders of all revisions that are kept
 */
export async function sweepDependencies(dataDirectory: string, revisionDirectories: readonly string[]): Promise<void> {
  const used = new Set<string>();
  for (const directory of revisionDirectories) {
    for (const path of packageLinks) {
      const target = await linkTarget(join(directory, path));
      if (target !== undefined) used.add(basename(dirname(target)));
    }
  }
  const directory = dependenciesDirectory(dataDirectory);
  const unused = (await readdir(directory)).filter((name): name is Digest => isDigest(name) && !used.has(name));
  const removed = unused.filter((name) => !claims.has(join(directory, name)));
  for (const name of removed) await removeFolder(join(directory, name));
  if (removed.length > 0) await sweepSharedFiles(dataDirectory);
}

/** The error for an install that its caller gave up. */
export function cancelled(options?: ErrorOptions): DcfError {
  return new DcfError('CANCELLED', 'installing the dependencies was cancelled', options);
}
