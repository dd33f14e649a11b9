import type { Stats } from 'node:fs';
import { chmod, link, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../core/errors.js';
import { unfinished } from '../disk/atomic-file.js';
import { cannotLink } from '../disk/disk-error.js';
import { forEachOf } from '../disk/each.js';
import { fileDigest } from '../disk/file-digest.js';

/** The folder that has the files of all installs, each once. */
function storeOf(dataDirectory: string): string {
  return join(dataDirectory, 'shared-files');
}

/**
 * Replaces each file below `folder` by a hard link to an equal file of an earlier install, to save disk space. The files become
 * read-only, because a function that wrote into one would change it for others. Without hard links in the file system all files stay.
 *
 * @returns the number of bytes that were saved
 */
export async function shareFiles(folder: string, dataDirectory: string): Promise<number> {
  const store = storeOf(dataDirectory);
  await mkdir(store, { recursive: true });
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  let saved = 0;
  await forEachOf(files, async (file) => {
    const bytes = await shareFile(file, store);
    saved += bytes;
  });
  return saved;
}

/** Removes files that no install uses any more. */
export async function sweepSharedFiles(dataDirectory: string): Promise<void> {
  const store = storeOf(dataDirectory);
  await forEachOf(await namesIn(store), async (name) => {
    const path = join(store, name);
    if ((await statOf(path))?.nlink === 1) await rm(path, { force: true });
  });
}

/** Shares one file. Returns the number of bytes that were saved. */
async function shareFile(file: string, store: string): Promise<number> {
  const { size, mode } = await lstat(file);
  if (size === 0) return 0;
  const shared = join(store, `${await fileDigest(file)}${(mode & 0o100) === 0 ? '' : '-x'}`);
  await chmod(file, mode & 0o555);
  try {
    return (await replace(file, shared)) ? size : 0;
  } catch (error) {
    if (cannotLink(error)) return 0;
    throw error;
  }
}

/** Replaces a file by a link to the equal shared file, or makes it the shared file if there is none. Returns whether it was replaced. */
async function replace(file: string, shared: string): Promise<boolean> {
  for (;;) {
    const known = await statOf(shared);
    if (known === undefined) {
      try {
        await link(file, shared);
        return false;
      } catch (error) {
        // Another install has shared an equal file at the same time.
        if (errorCode(error) !== 'EEXIST') throw error;
        continue;
      }
    }
    if (known.ino === (await lstat(file)).ino) return false;
    try {
      await link(shared, `${file}${unfinished}`);
    } catch (error) {
      // The shared file was removed meanwhile, with the last install that used it.
      if (errorCode(error) !== 'ENOENT') throw error;
      continue;
    }
    await rename(`${file}${unfinished}`, file);
    return true;
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
