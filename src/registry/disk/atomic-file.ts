import type { Dirent } from 'node:fs';
import { access, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../../core/errors.js';
import { forEachOf } from './each.js';

const staging = '.staging-';
let stagings = 0;

/** The ending of a file's name while it is written. A crash may leave such a file; the next start of the daemon removes it. */
export const unfinished = '.tmp';

/**
 * Writes a file so that a crash at any point leaves either the old content or the new: it writes another file, syncs it to the
 * disk, and renames it. A failure leaves the old content. Two writes of one file must not overlap.
 */
export async function writeFileAtomic(path: string, text: string): Promise<void> {
  const temporary = `${path}${unfinished}`;
  try {
    await writeSynced(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncPath(dirname(path));
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Whether there is anything at `path`. */
export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** A temporary name for a folder that will become `path`, or is being removed. A crash may leave such a folder; the next start removes it. */
export function stagingOf(path: string): string {
  stagings += 1;
  return `${path}${staging}${process.pid}-${stagings}`;
}

/** Whether a folder's name is one of `stagingOf`. */
export function isStaging(name: string): boolean {
  return name.includes(staging);
}

/** Removes a folder, if it exists. It is renamed first, so that no crash and no failure leaves a part of it under its name. */
export async function removeFolder(path: string): Promise<void> {
  const doomed = stagingOf(path);
  try {
    await rename(path, doomed);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  await rm(doomed, { recursive: true, force: true });
}

/** Removes a folder if it is empty. */
export async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Waits until a file's content, or a folder's entries, are on the disk. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Waits until all files and folders under `folder` are on the disk. Symbolic links are not followed. */
export async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const kept = entries.filter((entry) => entry.isFile() || entry.isDirectory());
  await forEachOf(kept.map(pathOf), syncPath);
  await syncPath(folder);
}

function pathOf(entry: Dirent): string {
  return join(entry.parentPath, entry.name);
}
