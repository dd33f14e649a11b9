import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeText } from '@dcf/sdk/package';
import { DcfError, errorCode, messageOf } from '../../core/errors.js';
import { type Digest, isDigest } from '../../core/names.js';
import type { InstallerRun } from './installer.js';

/** What is to be installed for a revision. */
export interface DependencyPlan {
  /** Equal for revisions that want the very same packages, on this platform. */
  readonly digest: Digest;
  /** What the installer needs, by path relative to the folder in which it runs. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The folder that the installer fills, beside those files. */
  readonly folder: string;
  /** Where the revision finds that folder: the path of a link, relative to its own. */
  readonly link: string;
  /** Runs the installer in a folder that has the files. @throws DcfError as `runInstaller` does */
  readonly install: (directory: string, run: InstallerRun) => Promise<void>;
}

/**
 * Packages may bring native code, so what is installed for one platform or interpreter is of no use to another.
 *
 * @param runtime - what will load them
 */
export function digestOf(runtime: string, files: ReadonlyMap<string, Uint8Array>): Digest {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${runtime}\n`);
  for (const [path, bytes] of files) hash.update(`${JSON.stringify(path)} ${bytes.length}\n`).update(bytes);
  const digest = hash.digest('hex');
  if (!isDigest(digest)) throw new TypeError(`SHA-256 gave ${digest}`);
  return digest;
}

/** A file of a package; `undefined` where there is none. */
export async function readIfThere(directory: string, path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(join(directory, path));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The text of a file of a package, without a byte order mark. @throws DcfError FAILED_PRECONDITION when it is no UTF-8 */
export function textOf(bytes: Uint8Array, path: string): string {
  try {
    return decodeText(bytes);
  } catch (error) {
    throw refuse(`${path} ${messageOf(error)}`);
  }
}

/** What is said of a package whose dependencies cannot be installed as it names them. */
export function refuse(problem: string): DcfError {
  return new DcfError('FAILED_PRECONDITION', `the dependencies cannot be installed: ${problem}`);
}
