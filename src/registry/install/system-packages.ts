import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DcfError, errorCode } from '../../core/errors.js';
import { TaskQueue } from '../../core/task-queue.js';
import { type InstallerRun, installerEnvironment, runInstaller } from './installer.js';

export interface SystemPackageOptions extends Pick<InstallerRun, 'onOutput'> {
  /** Whether the operator lets the daemon install what is missing. */
  mayInstall: boolean;
  signal?: AbortSignal | undefined;
  /** Its PATH says which dpkg-query and apt-get are asked. */
  environment?: NodeJS.ProcessEnv;
}

const run = promisify(execFile);
const questionLimitMs = 30_000;
const installLimitMs = 10 * 60_000;
/** Somebody else may be installing on this host. */
const lockWait = 'DPkg::Lock::Timeout=300';
const installs = new TaskQueue();

/**
 * Sees to it that Debian packages are installed on this host.
 *
 * @param names - as `packages.apt` of a manifest has them
 * @throws DcfError FAILED_PRECONDITION that names what is missing, or why it could not be installed
 */
export async function provideSystemPackages(names: readonly string[], options: SystemPackageOptions): Promise<void> {
  const environment = options.environment ?? process.env;
  const missing = await missingPackages(names, environment);
  if (missing.length === 0) return;
  const command = `apt-get install ${missing.join(' ')}`;
  if (!options.mayInstall) {
    const advice = `run "${command}" on it, or start dcfd with --install-packages`;
    throw new DcfError('FAILED_PRECONDITION', `packages.apt: this host lacks ${missing.join(', ')}; ${advice}`);
  }
  await installs.run(() => install(missing, environment, options));
  const left = await missingPackages(missing, environment);
  if (left.length > 0) throw new DcfError('FAILED_PRECONDITION', `packages.apt: "${command}" ran, but ${left.join(', ')} is not installed`);
}

async function install(
  names: readonly string[],
  environment: NodeJS.ProcessEnv,
  { onOutput, signal }: SystemPackageOptions,
): Promise<void> {
  const command = ['apt-get', 'install', '--yes', '--no-install-recommends', '-o', lockWait, '--', ...names];
  const installer = {
    name: 'apt-get install',
    command,
    directory: '/',
    environment: { ...installerEnvironment(environment), DEBIAN_FRONTEND: 'noninteractive' },
  };
  // Half an installation would stay with the host: it is not broken off because one caller gave up, except before it begins.
  signal?.throwIfAborted();
  await runInstaller(installer, { onOutput, signal: new AbortController().signal, timeLimitMs: installLimitMs });
}

/** Packages that are not installed. https://man7.org/linux/man-pages/man1/dpkg-query.1.html */
async function missingPackages(names: readonly string[], environment: NodeJS.ProcessEnv): Promise<string[]> {
  const installed = new Set<string>();
  for (const line of (await query(names, environment)).split('\n')) {
    const [name = '', status] = line.split('\t');
    if (status === 'install ok installed') installed.add(name);
  }
  return names.filter((name) => !installed.has(name));
}

async function query(names: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  const question = ['--show', '--showformat', `\${Package}\t\${Status}\n`, '--', ...names];
  try {
    return (await run('dpkg-query', question, { env: environment, timeout: questionLimitMs })).stdout;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new DcfError('FAILED_PRECONDITION', `packages.apt: this host has no dpkg, so ${names.join(', ')} cannot be looked for`);
    }
    // It fails when it does not know one of them, and still tells of the others.
    const known: unknown = error instanceof Error && 'stdout' in error ? error.stdout : '';
    return typeof known === 'string' ? known : '';
  }
}
