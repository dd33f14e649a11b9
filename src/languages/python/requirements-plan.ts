import { readdir, stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { checkPackagePath } from '@dcf/sdk/package';
import { type DependencyPlan, planDigest, readIfThere, textOf } from '../shared/dependency-plan.js';
import { refuse } from '../shared/installer.js';
import { type PythonInterpreter, runPipInstall, sitePackagesLink, targetFolder } from './pip.js';

const requirementsFile = 'requirements.txt';
const urlPattern = /^[a-z][a-z0-9+.-]*:\/\//i;
const archivePattern = /\.(whl|tar\.gz|zip)$/;

/**
 * Plans the install of the packages that a revision's requirements.txt names; `undefined` when it names none.
 * https://pip.pypa.io/en/stable/reference/requirements-file-format/
 *
 * @throws DcfError FAILED_PRECONDITION when it names a file that is not in the package, or a folder to install
 */
export async function planRequirements(revisionDirectory: string, python: PythonInterpreter): Promise<DependencyPlan | undefined> {
  const files = new Map<string, Uint8Array>();
  const named = await gather(revisionDirectory, requirementsFile, files);
  if (named === 0) return undefined;
  return {
    digest: planDigest(`${python.tag} ${python.executable}`, files),
    files,
    folder: targetFolder,
    link: sitePackagesLink,
    install: (directory, run) => runPipInstall({ python, directory, requirements: requirementsFile }, run),
  };
}

/** Reads a requirements file and all files of the package that it names into `files`. Returns how many requirements it has. */
async function gather(directory: string, path: string, files: Map<string, Uint8Array>): Promise<number> {
  const bytes = await readIfThere(directory, path);
  if (bytes === undefined) {
    if (path === requirementsFile) return 0;
    throw refuse(`${path} is not in the package`);
  }
  const text = textOf(bytes, path);
  files.set(path, Buffer.from(text));
  let requirements = 0;
  for (const line of logicalLines(text)) {
    const [, option, value] = /^(--?[a-z-]+)(?:[ =]\s*(.*))?$/.exec(line) ?? [];
    if (option === undefined) {
      requirements += 1;
      await takeArchive(directory, line, path, files);
    } else {
      requirements += await takeOption({ directory, path, files }, option, value ?? '');
    }
  }
  return requirements;
}

/** The requirements file that is being read, and the files that were found so far. */
interface Gathering {
  directory: string;
  path: string;
  files: Map<string, Uint8Array>;
}

/** Reads the files that an option names. Returns how many requirements they have. */
async function takeOption({ directory, path, files }: Gathering, option: string, value: string): Promise<number> {
  switch (option) {
    case '-e':
    case '--editable':
      throw refuse(`${path}: ${option} ${value}: a folder cannot be installed; build a wheel and name its file`);
    case '-r':
    case '--requirement':
    case '-c':
    case '--constraint': {
      if (urlPattern.test(value)) return 0;
      const inner = inPackage(posix.join(dirname(path), value), path);
      return files.has(inner) ? 0 : await gather(directory, inner, files);
    }
    case '-f':
    case '--find-links':
      if (!urlPattern.test(value)) await takeFolder({ directory, path, files }, inPackage(posix.normalize(value), path));
      return 0;
    default:
      // All other options are handled by the installer alone.
      return 0;
  }
}

/** Reads the archive that a requirement names, if it is a file of the package. */
async function takeArchive(directory: string, line: string, path: string, files: Map<string, Uint8Array>): Promise<void> {
  const [requirement = ''] = line.split(/\s*;|\s+--/);
  if (urlPattern.test(requirement)) return;
  const local = requirement.startsWith('.') || requirement.startsWith('/');
  if (!local && !archivePattern.test(requirement)) return;
  const file = inPackage(posix.normalize(requirement), path);
  const found = await stat(join(directory, file)).catch(() => undefined);
  if (found?.isDirectory() === true)
    throw refuse(`${path}: ${requirement} is a folder, which cannot be installed; build a wheel and name its file`);
  const bytes = await readIfThere(directory, file);
  if (bytes === undefined) throw refuse(`${path} names ${requirement}, which is not in the package`);
  files.set(file, bytes);
}

async function takeFolder({ directory, path, files }: Gathering, folder: string): Promise<void> {
  const names = await readdir(join(directory, folder)).catch(() => {
    throw refuse(`${path} names the folder ${folder}, which is not in the package`);
  });
  for (const name of names.filter((entry) => archivePattern.test(entry)).sort()) {
    const bytes = await readIfThere(directory, posix.join(folder, name));
    if (bytes !== undefined) files.set(posix.join(folder, name), bytes);
  }
}

function inPackage(path: string, namedIn: string): string {
  const plain = path.replace(/^\.\//, '').replace(/\/$/, '');
  const problem = checkPackagePath(plain);
  if (problem !== undefined) throw refuse(`${namedIn} names ${JSON.stringify(path)}, which ${problem}`);
  return plain;
}

/** The lines of a requirements file without comments. A line that ends with a backslash is joined to the next one. */
function logicalLines(text: string): string[] {
  return text
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
}
