import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DcfError, errorCode } from '../../core/errors.js';
import { TaskQueue } from '../../core/task-queue.js';
import { type InstallerRun, installerEnvironment, runInstaller } from '../../languages/shared/installer.js';

export interface SystemPackageOptions extends Pick<InstallerRun, 'onOutput'> {
  /** Whether the operator lets the daemon install missing packages. */
  mayInstall: boolean;
  /** Gives up before an install begins; a running one is finished. */
  signal?: AbortSignal | undefined;
  /** The environment, with the PATH for dpkg-query and apt-get. @default the daemon's */
  environment?: NodeJS.ProcessEnv;
}

const run = promisify(execFile);
const questionLimitMs = 30_000;
const installLimitMs = 10 * 60_000;
/** Waits up to 300 s while another process installs packages on this host. */
const lockWait = 'DPkg::Lock::Timeout=300';
const installs = new TaskQueue();

/**
 * Makes sure that Debian packages are installed on this host.
 *
 * @param names - the packages of a manifest's `packages.apt`
 * @throws DcfError FAILED_PRECONDITION with the missing packages, or why they could not be installed; CANCELLED when `signal` aborts
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
  // Once it runs, the install is not ended when the caller gives up: a partial install would stay on the host.
  if (signal?.aborted === true) throw new DcfError('CANCELLED', 'installing packages.apt was cancelled before it began');
  await runInstaller(installer, { onOutput, signal: new AbortController().signal, timeLimitMs: installLimitMs });
}

/** The packages that are not installed. https://man7.org/linux/man-pages/man1/dpkg-query.1.html */
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
      throw new DcfError(
        'FAILED_PRECONDITION',
        `packages.apt: this host has no dpkg, which tells whether ${names.join(', ')} is installed`,
      );
    }
    // dpkg-query fails when it does not know a package, but prints the others all the same.
    const known: unknown = error instanceof Error && 'stdout' in error ? error.stdout : '';
    return typeof known === 'string' ? known : '';
  }
}
