import { mkdir, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DcfError, messageOf } from '../core/errors.js';
import { errorCode } from '../core/system-error.js';
import { Layout } from './layout.js';
import { type DirectoryLock, lockDirectory } from './lock.js';

/**
 * Makes the data directory, if need be, and takes its lock.
 *
 * @throws DcfError FAILED_PRECONDITION when it is no directory, cannot be written, or belongs to another daemon
 */
export async function openDataDirectory(path: string): Promise<{ layout: Layout; lock: DirectoryLock }> {
  const directory = resolve(path);
  try {
    // What functions log and carry is not for every user of the host.
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const layout = new Layout(await realpath(directory));
    return { layout, lock: lockDirectory(layout.root) };
  } catch (error) {
    if (DcfError.is(error)) throw error;
    throw new DcfError('FAILED_PRECONDITION', `the data directory ${directory} ${problemOf(error)}; choose another with --data`, {
      cause: error,
    });
  }
}

function problemOf(error: unknown): string {
  switch (errorCode(error)) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'is not a directory, or a part of its path is none';
    case 'EACCES':
    case 'EPERM':
      return 'cannot be written: permission denied';
    case 'EROFS':
      return 'cannot be written: the file system is read-only';
    case 'ENOSPC':
      return 'cannot be written: the disk is full';
    default:
      return `cannot be used: ${messageOf(error)}`;
  }
}
