import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { DcfError } from '../errors.js';
import { errorCode, type Folder, linkRefused, readEntries, refuse, unreadable } from './folder.js';
import type { IsIgnored } from './ignore.js';
import { checkPackagePath, maximumFiles } from './paths.js';

/**
 * The paths of all files under a folder, sorted at each level.
 *
 * @param start - where to begin, relative to the folder; '' for all of it
 * @throws DcfError INVALID_ARGUMENT for a link, a socket or pipe, a name that a package cannot carry, or too many files
 */
export async function listFiles(folder: Folder, start: string, isIgnored: IsIgnored): Promise<string[]> {
  const found: string[] = [];
  await walk(folder, start, isIgnored, found);
  return found;
}

async function walk(folder: Folder, under: string, isIgnored: IsIgnored, found: string[]): Promise<void> {
  for (const entry of await readEntries(folder, under)) {
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    if (isIgnored(path, entry.isDirectory())) continue;
    const problem = problemOf(path);
    if (problem !== undefined) throw refuse(folder, path, problem);
    if (entry.isDirectory()) {
      await walk(folder, path, isIgnored, found);
    } else if (entry.isFile()) {
      if (found.length === maximumFiles) throw tooManyFiles(folder);
      found.push(path);
    } else {
      throw entry.isSymbolicLink()
        ? linkRefused(folder, path)
        : refuse(folder, path, 'is a socket, a pipe or a device: a package has files only');
    }
  }
}

/** The refusal of a package with more files than a package may have. */
export function tooManyFiles(folder: Folder): DcfError {
  const advice = 'list what the function does not need in .dcfignore';
  return new DcfError('INVALID_ARGUMENT', `${folder.shown} has more than ${maximumFiles} files: ${advice}`);
}

/**
 * Whether `path` is a file or a folder; `undefined` when there is nothing.
 *
 * @throws DcfError INVALID_ARGUMENT for a path that leads through a link, or to what is neither
 */
export async function kindOf(folder: Folder, path: string): Promise<'file' | 'folder' | undefined> {
  try {
    let at = '';
    for (const name of path.split('/')) {
      at = at === '' ? name : `${at}/${name}`;
      if ((await lstat(join(folder.real, at))).isSymbolicLink()) throw linkRefused(folder, at);
    }
    const status = await lstat(join(folder.real, path));
    if (status.isFile()) return 'file';
    if (status.isDirectory()) return 'folder';
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw unreadable(folder, path, error);
  }
  throw refuse(folder, path, 'is neither a file nor a folder');
}

function problemOf(path: string): string | undefined {
  // Node puts U+FFFD for bytes that are no UTF-8; such a file could not be opened by that name.
  return path.includes('\uFFFD') ? 'has a name that is not valid UTF-8: rename it' : checkPackagePath(path);
}
