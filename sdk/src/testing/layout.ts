import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { layOutFiles } from '../package/lay-out.js';
import type { FunctionPackage } from '../package/types.js';

/**
 * Lays a package out below the function's own `node_modules`, so that its imports find the same packages as the function's folder does.
 *
 * @param folder - absolute path of the function's folder
 * @returns where it lies, and a function that removes it
 */
export async function layOutForTest(packed: FunctionPackage, folder: string): Promise<{ directory: string; remove: () => Promise<void> }> {
  const home = join(folder, 'node_modules', '.dcf');
  await mkdir(home, { recursive: true });
  const directory = await mkdtemp(join(home, 'test-'));
  const remove = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
    // Only empty folders are removed: other tests may use them, or packages may be installed there.
    for (const parent of [home, dirname(home)]) await rmdir(parent).catch(() => undefined);
  };
  try {
    await layOutFiles(packed, directory);
    return { directory, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
