import { lstat, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

/** What a function may import without bringing it. */
export const platformPackages = ['@dcf/sdk', 'onnxruntime-node', 'sharp'] as const;

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
    // A folder in its place is no work of ours, but a link cannot be renamed onto it.
    if ((await lstat(link).catch(() => undefined))?.isDirectory()) await rm(link, { recursive: true });
    await rename(fresh, link);
  }
}

function packageDirectory(name: string): string {
  const require = createRequire(import.meta.url);
  const marker = `${sep}node_modules${sep}${name.replaceAll('/', sep)}`;
  for (const folder of require.resolve.paths(name) ?? []) {
    const candidate = `${dirname(folder)}${marker}`;
    if (exists(require, candidate)) return candidate;
  }
  throw new Error(`the platform's own package ${name} is not installed`);
}

function exists(require: NodeJS.Require, directory: string): boolean {
  try {
    require.resolve(join(directory, 'package.json'));
    return true;
  } catch {
    return false;
  }
}
