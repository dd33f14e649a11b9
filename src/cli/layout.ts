import { rmSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, realpath, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FunctionPackage, layOutFiles, locateResource } from '@dcf/sdk/package';
import { linkPlatformPackages } from '../pool/platform-packages.js';
import { CommandError } from './errors.js';

/** A package laid out in a temporary folder as a daemon lays out a revision. */
export interface Layout {
  /** The folder with the function's files. */
  readonly directory: string;
  /** Absolute paths of the resources, by name. */
  readonly resources: Readonly<Record<string, string>>;
  /** Removes everything; safe to call twice. */
  remove(): void;
}

/**
 * Lays a package out for `dcf run`, with the platform's packages and those of the user's folder in reach. The temporary
 * folder goes when the process does, if `remove` was not called before.
 *
 * @param source - the function's own folder
 * @throws CommandError when a resource is one that only a daemon can fetch or unpack
 */
export async function layOut(packed: FunctionPackage, source: string): Promise<Layout> {
  const paths = resourcePaths(packed);
  const home = await mkdtemp(join(await realpath(tmpdir()), 'dcf-run-'));
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
    const modules = join(source, 'node_modules');
    if (await isThere(modules)) await symlink(await realpath(modules), join(directory, 'node_modules'), 'dir');
    const resources = Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, join(directory, path)]));
    return { directory, resources, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function resourcePaths({ manifest: { manifest } }: FunctionPackage): Record<string, string> {
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
        `resources.${name} ${problem}: to use it with "dcf run", put it into the folder as it is and name its path`,
      );
    }
    paths[name] = location.path;
  }
  return paths;
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
