import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DcfError, errorCode, messageOf, reasonOf } from '../../errors.js';
import { decodeText } from '../../text.js';

/** The folder of a function. */
export interface Folder {
  /** Its absolute path without symbolic links, for reading. */
  readonly real: string;
  /** Its path as the user gave it, for messages. */
  readonly shown: string;
  /** The folder outside of which nothing is read, as an absolute path without symbolic links; `undefined` for no such limit. */
  readonly within: string | undefined;
}

/** Options for opening a folder. */
export interface FolderOptions {
  /** The folder's name in messages. @default its path */
  shown?: string | undefined;
  /** An absolute path without symbolic links: a folder outside of it is refused, and so are imports of files outside. @default no limit */
  within?: string | undefined;
}

/** Whether a path lies in a folder or is that folder; both are absolute and without links. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

/** An INVALID_ARGUMENT about one file of the folder. */
export function refuse(folder: Folder, path: string, problem: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', `${join(folder.shown, path)} ${problem}`);
}

/** Opens the folder of a function. @throws DcfError INVALID_ARGUMENT when there is no such folder, or it is outside of `within` */
export async function openFolder(directory: string, { shown = directory, within }: FolderOptions = {}): Promise<Folder> {
  try {
    const real = await realpath(directory);
    if (within !== undefined && !isWithin(real, within))
      throw new DcfError('INVALID_ARGUMENT', `${shown} is a link to a folder outside of the one from which functions may be packed`);
    if ((await stat(real)).isDirectory()) return { real, shown, within };
  } catch (error) {
    if (DcfError.is(error)) throw error;
    throw new DcfError('INVALID_ARGUMENT', `${shown}: ${reasonOf(error)}; give the folder that has function.yaml in it`);
  }
  throw new DcfError('INVALID_ARGUMENT', `${shown} is a file; give the folder that has function.yaml in it`);
}

/** The entries of one folder, sorted by name: file systems give them in different orders. */
export async function readEntries(folder: Folder, path: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(join(folder.real, path), { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw unreadable(folder, path, error);
  }
}

/**
 * The text of a file, without a byte order mark; `undefined` if there is no such file.
 *
 * @throws DcfError INVALID_ARGUMENT when it is a link, cannot be read, or is not UTF-8
 */
export async function readTextFile(folder: Folder, path: string): Promise<string | undefined> {
  try {
    const file = await openFile(folder, path);
    try {
      return decode(folder, path, await file.readFile());
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw unreadable(folder, path, error);
  }
}

function decode(folder: Folder, path: string, bytes: Uint8Array): string {
  try {
    return decodeText(bytes);
  } catch (error) {
    throw refuse(folder, path, messageOf(error));
  }
}

/** Opens a file. It follows no link, and does not block for a pipe. @throws DcfError INVALID_ARGUMENT when it is not a file */
export async function openFile(folder: Folder, path: string): Promise<FileHandle> {
  const file = await open(join(folder.real, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw refuse(folder, path, 'is not a file');
}

/** The error for a file or folder that cannot be read. */
export function unreadable(folder: Folder, path: string, error: unknown): DcfError {
  if (DcfError.is(error)) return error;
  if (errorCode(error) === 'ELOOP') return linkRefused(folder, path);
  return refuse(folder, path, `cannot be read: ${reasonOf(error)}`);
}

/** The error for a symbolic link. */
export function linkRefused(folder: Folder, path: string): DcfError {
  return refuse(folder, path, 'is a symbolic link: put the file itself there, or list the link in .dcfignore');
}
