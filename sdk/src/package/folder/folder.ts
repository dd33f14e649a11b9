import { constants, type Dirent } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DcfError, messageOf } from '../../errors.js';
import { decodeText } from '../../text.js';

/** The folder of a function. */
export interface Folder {
  /** Absolute and without links: to read from. */
  readonly real: string;
  /** As the user gave it: for messages. */
  readonly shown: string;
  /** Absolute and without links: nothing outside of it is read. `undefined`: no such border. */
  readonly within: string | undefined;
}

/** Where a folder may lie, and what it is called. */
export interface FolderOptions {
  /** What messages call it, where that is not its path. */
  shown?: string | undefined;
  /** Absolute and without links: a folder elsewhere is refused, and so is every import that leads elsewhere. */
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

/** @throws DcfError INVALID_ARGUMENT when there is no such folder, or it is not where it may be */
export async function openFolder(directory: string, { shown = directory, within }: FolderOptions = {}): Promise<Folder> {
  try {
    const real = await realpath(directory);
    if (within !== undefined && !isWithin(real, within))
      throw new DcfError('INVALID_ARGUMENT', `${shown} leads out of the folder it is in`);
    if ((await stat(real)).isDirectory()) return { real, shown, within };
  } catch (error) {
    if (DcfError.is(error)) throw error;
    throw new DcfError('INVALID_ARGUMENT', `${shown}: ${reasonOf(error)}; give the folder that has function.yaml in it`);
  }
  throw new DcfError('INVALID_ARGUMENT', `${shown} is a file; give the folder that has function.yaml in it`);
}

/** The entries of one folder in a fixed order, whatever the file system's own is. */
export async function readEntries(folder: Folder, path: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(join(folder.real, path), { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw unreadable(folder, path, error);
  }
}

/** Text of a file that need not be there: `undefined` then. It must be no link, and UTF-8; a byte order mark is left out. */
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

/** Opens what must be a file: no link is followed, and a pipe without a writer does not block. */
export async function openFile(folder: Folder, path: string): Promise<FileHandle> {
  const file = await open(join(folder.real, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw refuse(folder, path, 'is no file');
}

/** The refusal of a file or folder that the system would not give. */
export function unreadable(folder: Folder, path: string, error: unknown): DcfError {
  if (DcfError.is(error)) return error;
  if (errorCode(error) === 'ELOOP') return linkRefused(folder, path);
  return refuse(folder, path, `cannot be read: ${reasonOf(error)}`);
}

/** The refusal of a symbolic link. */
export function linkRefused(folder: Folder, path: string): DcfError {
  return refuse(folder, path, 'is a symbolic link: put the file itself there, or list the link in .dcfignore');
}

/** What a file system error says, without the call that failed. */
export function reasonOf(error: unknown): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return 'no such file or folder';
    case 'EACCES':
      return 'permission denied';
    case 'ENOTDIR':
      return 'a part of the path is no folder';
    default:
      return messageOf(error);
  }
}

/** The code of a system error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
