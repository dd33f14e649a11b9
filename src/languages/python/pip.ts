import { type DcfError, messageOf } from '../../core/errors.js';
import type { Interpreter } from '../../core/interpreter.js';
import { type Installer, type InstallerRun, installerEnvironment, refuse, runInstaller } from '../shared/installer.js';
import { programsOnPath } from '../shared/programs.js';

/** The part of an interpreter that the installer uses. */
export type PythonInterpreter = Pick<Interpreter, 'executable' | 'tag'>;

export interface PipOptions {
  python: PythonInterpreter;
  /** The folder that has the requirements file, and in which `targetFolder` is made. */
  directory: string;
  /** Name of the requirements file. */
  requirements: string;
}

/** The link in a revision's folder in which the Python runtime finds its packages. */
export const sitePackagesLink = '.dcf/site-packages';

/** Name of the folder that gets the packages. */
export const targetFolder = 'site-packages';

/**
 * Installs the packages of a requirements file into a folder: with uv, which is much faster, if it is on the PATH, otherwise with the
 * interpreter's own pip.
 *
 * @throws DcfError as `runInstaller` does; FAILED_PRECONDITION also when there is neither uv nor pip
 */
export async function runPipInstall({ python, directory, requirements }: PipOptions, run: InstallerRun): Promise<void> {
  const environment = installerEnvironment(process.env);
  const [uv] = await programsOnPath('uv', environment['PATH']);
  const wanted = ['--target', targetFolder, '-r', requirements];
  if (uv === undefined) {
    const quiet = ['--no-input', '--disable-pip-version-check', '--no-warn-script-location', '--progress-bar', 'off', '--no-compile'];
    const command = [python.executable, '-m', 'pip', 'install', ...quiet, ...wanted];
    try {
      await runInstaller({ name: 'pip install', command, directory, environment }, run);
    } catch (error) {
      throw messageOf(error).endsWith(': No module named pip') ? noInstaller(python.executable) : error;
    }
  } else {
    const command = [uv, 'pip', 'install', '--python', python.executable, '--no-progress', ...wanted];
    await runInstaller({ name: 'uv pip install', command, directory, environment }, run);
  }
  await compile(python, { directory, environment }, run);
}

/** The error for a host that has no uv, and an interpreter without pip: that of a minimal Debian, for example. */
function noInstaller(executable: string): DcfError {
  const advice = `install uv, or run "${executable} -m ensurepip" (Debian: apt install python3-pip)`;
  return refuse(`they need uv or pip, but uv is not on the PATH, and ${executable} has no pip; ${advice}`);
}

/**
 * Compiles the installed packages to byte code, because replicas do not write it themselves. The compiled files identify their source
 * by its content and not by its time, so that equal packages have equal files, which can be shared.
 * https://docs.python.org/3/library/compileall.html
 */
async function compile(python: PythonInterpreter, place: Pick<Installer, 'directory' | 'environment'>, run: InstallerRun): Promise<void> {
  const options = ['-q', '-q', '-j', '0', '--invalidation-mode', 'unchecked-hash'];
  // The exit code of compileall is ignored: packages contain templates, and code for other versions, that this interpreter cannot compile.
  const program = `import subprocess, sys; subprocess.run([sys.executable, '-m', 'compileall', *sys.argv[1:]])`;
  const command = [python.executable, '-c', program, ...options, targetFolder];
  await runInstaller({ name: 'compileall', command, ...place }, run);
}
