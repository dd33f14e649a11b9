import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Interpreter } from '../../core/interpreter.js';
import { type Installer, type InstallerRun, installerEnvironment, runInstaller } from './installer.js';

/** What the installer needs to know of a Python. */
export type PythonInterpreter = Pick<Interpreter, 'executable' | 'tag'>;

export interface PipOptions {
  python: PythonInterpreter;
  /** Where the requirements are, and the packages come. */
  directory: string;
  requirements: string;
}

/** The folder that gets the packages. */
export const targetFolder = 'site-packages';

/**
 * Installs what a requirements file names into a folder: with uv where it is on the PATH, which is much faster, otherwise with the
 * interpreter's own pip.
 *
 * @throws DcfError as `runInstaller` does
 */
export async function runPipInstall({ python, directory, requirements }: PipOptions, run: InstallerRun): Promise<void> {
  const environment = installerEnvironment(process.env);
  const uv = await findProgram('uv', environment['PATH'] ?? '');
  const wanted = ['--target', targetFolder, '-r', requirements];
  if (uv === undefined) {
    const quiet = ['--no-input', '--disable-pip-version-check', '--no-warn-script-location', '--progress-bar', 'off', '--no-compile'];
    const command = [python.executable, '-m', 'pip', 'install', ...quiet, ...wanted];
    await runInstaller({ name: 'pip install', command, directory, environment }, run);
  } else {
    const command = [uv, 'pip', 'install', '--python', python.executable, '--no-progress', ...wanted];
    await runInstaller({ name: 'uv pip install', command, directory, environment }, run);
  }
  await compile(python, { directory, environment }, run);
}

/**
 * Compiles what was installed: replicas write no compiled code, so it has to be there before them. The compiled files name their
 * source by its content, not by its time, so that those of equal packages are equal and can be shared.
 * https://docs.python.org/3/library/compileall.html
 */
async function compile(python: PythonInterpreter, place: Pick<Installer, 'directory' | 'environment'>, run: InstallerRun): Promise<void> {
  const options = ['-q', '-q', '-j', '0', '--invalidation-mode', 'unchecked-hash'];
  // Packages bring templates and code for other versions that this interpreter cannot compile: that is no failure of the install.
  const program = `import subprocess, sys; subprocess.run([sys.executable, '-m', 'compileall', *sys.argv[1:]])`;
  const command = [python.executable, '-c', program, ...options, targetFolder];
  await runInstaller({ name: 'compileall', command, ...place }, run);
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter((entry) => entry !== '')) {
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // The next folder.
    }
  }
  return undefined;
}
