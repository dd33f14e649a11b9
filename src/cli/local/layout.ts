import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { languageOf } from '@dcf/sdk/languages';
import { type FunctionPackage, largestCopy, layOutFiles, locateResource } from '@dcf/sdk/package';
import { errorCode } from '../../core/errors.js';
import { linkPlatformPackages } from '../../process/platform-packages.js';
import { CommandError } from '../terminal/errors.js';
import { cacheFolder, hasOwnModules } from './run-dependencies.js';

/** The files of a package in a temporary folder, as a daemon has those of a revision. */
export interface Layout {
  /** The folder with the function's files. */
  readonly directory: string;
  /** Absolute paths of the resources, by name. */
  readonly resources: Readonly<Record<string, string>>;
  /** Whether the function uses the node_modules of its own folder. */
  readonly ownModules: boolean;
  /** Removes the temporary folder; may be called twice. */
  remove(): void;
}

/**
 * Writes the files of a package into a temporary folder for `dcf run`, so that imports find the platform's packages and those of the
 * function's own folder. The temporary folder is removed by `remove`, or else when the process ends.
 *
 * @param source - the function's own folder
 * @throws CommandError when a resource can only be fetched or unpacked by a daemon, or the files do not fit on the disk
 */
export async function layOut(packed: FunctionPackage, source: string): Promise<Layout> {
  const paths = resourcePaths(packed);
  const home = await mkdtemp(join(await placeFor(packed, source), 'dcf-run-'));
  const remove = () => {
    rmSync(home, { recursive: true, force: true });
    process.off('exit', remove);
  };
  process.on('exit', remove);
  try {
    const directory = join(home, 'function');
    await mkdir(directory);
    await linkPlatformPackages(home);
    await layOutFiles(packed, directory);
    const ownModules = languageOf(packed.manifest.runtime).bundled && (await hasOwnModules(source));
    if (ownModules) await symlink(await realpath(join(source, 'node_modules')), join(directory, 'node_modules'), 'dir');
    const resources = Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, join(directory, path)]));
    return { directory, resources, ownModules, remove };
  } catch (error) {
    remove();
    if (errorCode(error) !== 'ENOSPC') throw error;
    const advice = 'set TMPDIR to a folder on the file system that the function is on: there its large files are linked and take no space';
    throw new CommandError(1, `the files of the function do not fit into ${dirname(home)}: ${advice}`);
  }
}

function resourcePaths({ manifest }: FunctionPackage): Record<string, string> {
  const paths: Record<string, string> = {};
  for (const [name, resource] of Object.entries(manifest.resources)) {
    const location = locateResource(resource);
    const problem =
      location.kind === 'url'
        ? 'is fetched by the daemon'
        : typeof resource !== 'string' && resource.unpack
          ? 'is unpacked by the daemon'
          : '';
    if (location.kind === 'url' || problem !== '') {
      throw new CommandError(
        1,
        `resources.${name} ${problem}: to use it with "dcf run", put its file into the folder and name its path in function.yaml`,
      );
    }
    paths[name] = location.path;
  }
  return paths;
}

/** The folder for temporary files; if large files can be linked only in the user's cache, that one. */
async function placeFor({ files }: FunctionPackage, source: string): Promise<string> {
  const temporary = await realpath(tmpdir());
  if (!files.some((file) => file.source.kind !== 'memory' && file.size > largestCopy)) return temporary;
  const { dev } = await stat(source);
  if ((await stat(temporary)).dev === dev) return temporary;
  const cache = cacheFolder();
  try {
    if ((await stat(await existingParent(cache))).dev !== dev) return temporary;
    await mkdir(cache, { recursive: true });
    return await realpath(cache);
  } catch {
    return temporary;
  }
}

async function existingParent(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    return await existingParent(dirname(path));
  }
}
