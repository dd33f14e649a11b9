import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { layOutFiles } from '../package/lay-out.js';
import type { FunctionPackage } from '../package/types.js';

/**
 * Lays a package out below the function's own `node_modules`, so that its imports find what the function's folder finds.
 *
 * @param folder - absolute path of the function's folder
 */
export async function layOutForTest(packed: FunctionPackage, folder: string): Promise<{ directory: string; remove: () => Promise<void> }> {
  const home = join(folder, 'node_modules', '.dcf');
  await mkdir(home, { recursive: true });
  const directory = await mkdtemp(join(home, 'test-'));
  const remove = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true });
    // Only those that are empty go: other tests may use them, and packages may be there.
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
