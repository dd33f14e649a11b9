import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, realpath, rm, stat, symlink, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorCode, messageOf } from '../../src/core/errors.js';
import type { Interpreter } from '../../src/core/interpreter.js';

/** A virtual environment that a lock file describes. */
export interface WantedEnvironment {
  /** The Python that it is made of. */
  base: Interpreter;
  /** A folder with one environment for each lock file and Python; it is made where it is not there. */
  cache: string;
  /** Packages with exact versions and hashes, as pip reads them. */
  lock: string;
  /** More packages, without which the environment is of use all the same. */
  extra?: ExtraPackages | undefined;
  /** What installers get. */
  variables: NodeJS.ProcessEnv;
  /** Told what takes long, before it does. */
  onOutput: (line: string) => void;
}

export interface ExtraPackages {
  /** Installed without what they depend on; without hashes, as whoever has them built them. */
  requirements: string;
  /** What they depend on, with hashes. */
  lock: string;
  /** Said beside the problem when they cannot be had. */
  advice: string;
  /** Options for uv alone. */
  uvOptions: readonly string[];
}

export interface PythonEnvironment {
  /** Its interpreter. */
  executable: string;
  /** Why the extra packages are missing; `undefined` where they are there or were not asked for. */
  extraProblem: string | undefined;
}

/** An environment that nothing used for so long is removed. */
const keptMs = 30 * 24 * 3_600_000;
/** Nothing that is installed here takes as long. */
const installMs = 15 * 60_000;

/**
 * Gives the environment of a lock file, which is made the first time and found from then on. Any number may ask at once: each makes
 * its own, and the first that is whole becomes everyone's.
 *
 * @throws Error that says why it cannot be made; nothing of it is left
 */
export async function pythonEnvironment(wanted: WantedEnvironment): Promise<PythonEnvironment> {
  const { cache, extra } = wanted;
  await mkdir(cache, { recursive: true });
  const [plain, full] = [join(cache, await digestOf(wanted, [])), join(cache, await digestOf(wanted, extraFiles(extra)))];
  const known = await usable(full);
  if (known !== undefined) return { executable: known, extraProblem: undefined };
  await sweep(cache);
  const folder = join(cache, randomUUID());
  try {
    const installer = await Installer.begin(wanted, folder);
    const extraProblem = extra === undefined ? undefined : await problemOf(installExtra(installer, extra));
    const found = extraProblem === undefined ? undefined : await usable(plain);
    if (found !== undefined) {
      await rm(folder, { recursive: true });
      return { executable: found, extraProblem };
    }
    await installer.install('--require-hashes', '-r', wanted.lock);
    return { executable: await publish(folder, extraProblem === undefined ? full : plain), extraProblem };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function extraFiles(extra: ExtraPackages | undefined): string[] {
  return extra === undefined ? [] : [extra.requirements, extra.lock];
}

async function installExtra(installer: Installer, { requirements, lock, advice, uvOptions }: ExtraPackages): Promise<void> {
  try {
    await installer.install(...(installer.isUv ? uvOptions : []), '-r', requirements);
    await installer.install('--require-hashes', '-r', lock);
  } catch (error) {
    throw new Error(`${messageOf(error)}; ${advice}`);
  }
}

async function problemOf(work: Promise<void>): Promise<string | undefined> {
  return await work.then(() => undefined, messageOf);
}

async function digestOf({ base, lock }: WantedEnvironment, others: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(`${base.executable}\n${base.version}\n${base.tag}\n`);
  for (const file of [lock, ...others]) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 16);
}

/** The interpreter of an environment that is there and works, which counts as used. */
async function usable(link: string): Promise<string | undefined> {
  try {
    const folder = await realpath(link);
    const executable = join(folder, 'bin', 'python');
    await run([executable, '-c', ''], process.env);
    await utimes(folder, new Date(), new Date());
    return executable;
  } catch {
    // What it was made of may be gone.
    await rm(link, { force: true });
    return undefined;
  }
}

/** Makes an environment everyone's, if none is yet. Returns the interpreter of the one that is. */
async function publish(folder: string, link: string): Promise<string> {
  try {
    await symlink(folder, link);
  } catch (error) {
    const other = errorCode(error) === 'EEXIST' ? await usable(link) : undefined;
    if (other === undefined) throw error;
    await rm(folder, { recursive: true });
    return other;
  }
  return join(folder, 'bin', 'python');
}

async function sweep(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    const used = await stat(path).catch(() => undefined);
    if (used === undefined || used.mtimeMs < Date.now() - keptMs) await rm(path, { recursive: true, force: true });
  }
}

/** What installs packages into one environment: uv where it is on the PATH, which is much faster, pip otherwise. */
class Installer {
  private constructor(
    readonly isUv: boolean,
    private readonly command: readonly string[],
    private readonly variables: NodeJS.ProcessEnv,
  ) {}

  /** Makes an empty environment. */
  static async begin({ base, variables: given, onOutput, lock }: WantedEnvironment, folder: string): Promise<Installer> {
    const { PYTHONPATH: _path, PYTHONHOME: _home, VIRTUAL_ENV: _other, ...variables } = given;
    const python = join(folder, 'bin', 'python');
    const works = (...command: string[]): Promise<boolean> =>
      run(command, variables).then(
        () => true,
        () => false,
      );
    const tell = (name: string): void => onOutput(`installing the Python packages of ${lock} with ${name}, once, in ${folder} …`);
    if (await works('uv', '--version')) {
      tell('uv');
      await run(['uv', 'venv', '--quiet', '--no-project', '--python', base.executable, folder], variables);
      return new Installer(true, ['uv', 'pip', 'install', '--quiet', '--compile-bytecode', '--python', python], variables);
    }
    const options = ['--no-input', '--disable-pip-version-check', '--no-warn-script-location', '--progress-bar', 'off'];
    // Its own pip does as well as one in the environment, and Debian's Python has none to put there unless python3-venv is installed.
    const hasPip = await works(base.executable, '-m', 'pip', '--python', base.executable, '--version');
    if (!hasPip && !(await works(base.executable, '-c', 'import ensurepip'))) {
      throw new Error(`there is no uv, and ${base.executable} has no pip for an environment (Debian: apt install python3-venv)`);
    }
    tell('pip');
    await run([base.executable, '-m', 'venv', ...(hasPip ? ['--without-pip'] : []), folder], variables);
    const pip = hasPip ? [base.executable, '-m', 'pip', '--python', python] : [python, '-m', 'pip'];
    return new Installer(false, [...pip, 'install', '--quiet', ...options], variables);
  }

  /** Installs what requirements name and nothing else, from wheels alone. */
  async install(...requirements: readonly string[]): Promise<void> {
    const done = run([...this.command, '--no-deps', '--only-binary', ':all:', ...requirements], this.variables);
    await done.catch((error: unknown) => {
      const file = basename(requirements.at(-1) ?? '');
      throw new Error(`${this.isUv ? 'uv' : 'pip'} did not install ${file}: ${messageOf(error)}`);
    });
  }
}

/** Runs a program to its end. Rejects with what it said when it fails. */
async function run([file = '', ...args]: readonly string[], variables: NodeJS.ProcessEnv): Promise<void> {
  // Not spawn's own timeout: its timer goes on where there is no such program, and keeps the process.
  const signal = AbortSignal.timeout(installMs);
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: variables, signal, killSignal: 'SIGKILL' });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  const ended = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signalName) => resolve(code ?? signalName ?? ''));
  });
  if (ended !== 0) throw new Error(`it ended with ${ended}: ${summary(output.join(''))}`);
}

/** What an installer said last of what went wrong, and whether it was heard at all. */
function summary(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => /error|×|no matching/i.test(line)).at(-1) ?? lines.filter((line) => line !== '').at(-1) ?? 'no word';
  const isDeaf = /NewConnectionError|ConnectTimeout|Temporary failure in name resolution|error sending request|dns error/i.test(output);
  return isDeaf ? `no registry answers (${said})` : said;
}
