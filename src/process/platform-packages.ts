import { lstat, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packageDirectory, platformPackages } from '../core/platform-packages.js';

/**
 * Makes `<folder>/node_modules` with links to the platform's packages. Node looks for a package from the importing file's
 * folder upwards, so every function below `folder` finds them, unless it brings its own.
 */
export async function linkPlatformPackages(folder: string): Promise<void> {
  for (const name of platformPackages) {
    const link = join(folder, 'node_modules', name);
    const target = packageDirectory(name);
    if ((await readlink(link).catch(() => undefined)) === target) continue;
    await mkdir(dirname(link), { recursive: true });
    const fresh = `${link}.${process.pid}`;
    await rm(fresh, { force: true });
    await symlink(target, fresh, 'dir');
    // A link cannot be renamed onto a folder, which somebody else has put there.
    if ((await lstat(link).catch(() => undefined))?.isDirectory()) await rm(link, { recursive: true });
    await rename(fresh, link);
  }
}
