import { mkdir, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DcfError, errorCode, messageOf } from '../../core/errors.js';
import { exists } from '../disk/atomic-file.js';
import { Layout } from '../disk/layout.js';
import { type DirectoryLock, lockDirectory } from './lock.js';

/**
 * Makes the data directory, if it does not exist, and takes its lock.
 *
 * @param takeLock - keeps other daemons out of it; replaced in tests
 * @throws DcfError FAILED_PRECONDITION when it is not a directory, cannot be written, or is in use by another daemon
 */
export async function openDataDirectory(path: string, takeLock = lockDirectory): Promise<{ layout: Layout; lock: DirectoryLock }> {
  const directory = resolve(path);
  try {
    await makeDirectory(directory);
    const layout = new Layout(await realpath(directory));
    return { layout, lock: takeLock(layout.root) };
  } catch (error) {
    if (DcfError.is(error)) throw error;
    throw new DcfError('FAILED_PRECONDITION', `the data directory ${directory} ${problemOf(error)}; choose another with --data`, {
      cause: error,
    });
  }
}

/** Makes a folder and the folders above it. Node's own recursive mkdir never ends when a parent answers ENOENT, as /proc does. */
async function makeDirectory(path: string): Promise<void> {
  try {
    // Logs and files of functions must not be readable for every user of the host.
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    const parent = dirname(path);
    if (errorCode(error) !== 'ENOENT' || (await exists(parent))) throw error;
    await makeDirectory(parent);
    await mkdir(path, { mode: 0o700 });
  }
}

function problemOf(error: unknown): string {
  switch (errorCode(error)) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'is not a directory, or a part of its path is not one';
    case 'EACCES':
    case 'EPERM':
      return 'cannot be written: permission denied';
    case 'ENOENT':
      return 'cannot be made there';
    case 'EROFS':
      return 'cannot be written: the file system is read-only';
    case 'ENOSPC':
      return 'cannot be written: the disk is full';
    default:
      return `cannot be used: ${messageOf(error)}`;
  }
}
