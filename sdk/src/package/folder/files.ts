import type { Dirent } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { DcfError, errorCode } from '../../errors.js';
import { type Folder, linkRefused, readEntries, readTextFile, refuse, unreadable } from './folder.js';
import { IgnoreRules, ignoreFileName } from './ignore.js';
import { checkPackagePath, maximumFiles } from './paths.js';

/** A file or folder that is left out of a package. */
export interface LeftOut {
  /** Relative to the function's folder; the path of a folder ends with a slash. */
  readonly path: string;
  readonly reason: string;
}

/** The content of a folder. Paths are relative to the function's folder, and sorted at each level. */
export interface Listing {
  readonly files: string[];
  /** Folders that belong to the package, but of whose content nothing does. */
  readonly emptyFolders: string[];
  readonly leftOut: LeftOut[];
}

/**
 * Lists all files in a folder that belong to a package.
 *
 * @param start - the folder to list, relative to the function's folder; @default '' for the function's folder itself
 * @throws DcfError INVALID_ARGUMENT for a link, a socket or pipe, a name that is not allowed in a package, or too many files
 */
export async function listFiles(folder: Folder, start = ''): Promise<Listing> {
  const rules = new IgnoreRules(start);
  for (const above of foldersAbove(start)) await addRules(folder, above, rules);
  const listing: Listing = { files: [], emptyFolders: [], leftOut: [] };
  await walk(folder, start, rules, listing);
  return listing;
}

/** The folders above a path, the outermost first: '' is the function's folder. */
export function foldersAbove(path: string): string[] {
  return path === '' ? [] : path.split('/').map((_, index, names) => names.slice(0, index).join('/'));
}

async function addRules(folder: Folder, path: string, rules: IgnoreRules): Promise<void> {
  rules.add(path, (await readTextFile(folder, join(path, ignoreFileName))) ?? '');
}

/** Lists a folder and those below it. Returns whether any of its content belongs to the package. */
async function walk(folder: Folder, under: string, rules: IgnoreRules, { files, emptyFolders, leftOut }: Listing): Promise<boolean> {
  const entries = await readEntries(folder, under);
  if (entries.some(({ name }) => name === ignoreFileName)) await addRules(folder, under, rules);
  let isEmpty = true;
  for (const entry of entries) {
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    const reason = await leftOutBecause(folder, path, entry, rules);
    if (reason !== undefined) {
      leftOut.push({ path: entry.isDirectory() ? `${path}/` : path, reason });
      continue;
    }
    const problem = problemOf(path);
    if (problem !== undefined) throw refuse(folder, path, problem);
    isEmpty = false;
    if (entry.isDirectory()) {
      if (!(await walk(folder, path, rules, { files, emptyFolders, leftOut }))) emptyFolders.push(path);
    } else if (entry.isFile()) {
      files.push(path);
    } else {
      throw entry.isSymbolicLink()
        ? linkRefused(folder, path)
        : refuse(folder, path, 'is a socket, a pipe or a device: a package has files only; remove it, or list it in .dcfignore');
    }
    if (files.length + emptyFolders.length > maximumFiles) throw tooManyFiles(folder);
  }
  return !isEmpty;
}

async function leftOutBecause(folder: Folder, path: string, entry: Dirent, rules: IgnoreRules): Promise<string | undefined> {
  if (entry.name === ignoreFileName && entry.isFile()) return 'it lists what is left out';
  // A link may lead to a folder, so rules for folders apply to it, too.
  if (entry.isSymbolicLink()) return rules.test(path, false) ?? rules.test(path, true);
  const reason = rules.test(path, entry.isDirectory());
  if (reason !== undefined || !entry.isDirectory() || rules.takesIn(path, true)) return reason;
  // Every virtual environment has this file, whatever its name: https://docs.python.org/3/library/venv.html
  const isVirtual = (await readEntries(folder, path)).some(({ name }) => name === 'pyvenv.cfg');
  return isVirtual ? `a virtual environment of Python, left out by default ("!${path}/" in ${ignoreFileName} takes it in)` : undefined;
}

/** The error for a package with too many files. */
export function tooManyFiles(folder: Folder): DcfError {
  const advice = 'list what the function does not need in .dcfignore';
  return new DcfError('INVALID_ARGUMENT', `${folder.shown} has more than ${maximumFiles} files: ${advice}`);
}

/**
 * Whether `path` is a file or a folder; `undefined` if it does not exist.
 *
 * @throws DcfError INVALID_ARGUMENT for a path with a symbolic link, and for anything but a file or a folder
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
  throw refuse(folder, path, 'is neither a file nor a folder: a package can have only these');
}

function problemOf(path: string): string | undefined {
  // Node gives U+FFFD for bytes that are not UTF-8: a file with such a name could not be opened.
  return path.includes('\uFFFD') ? 'has a name that is not valid UTF-8: rename it' : checkPackagePath(path);
}
