import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeText, digestOf } from '@dcf/sdk/package';
import { errorCode, messageOf } from '../../core/errors.js';
import type { Digest } from '../../core/names.js';
import { type InstallerRun, refuse } from './installer.js';

/** Describes the packages to install for a revision. */
export interface DependencyPlan {
  /** Equal for revisions that can share their packages, on this platform. */
  readonly digest: Digest;
  /** The files that the installer needs, by path relative to the folder in which it runs. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Name of the folder that the installer fills, beside those files. */
  readonly folder: string;
  /** Path of the link by which the revision finds that folder, relative to the revision's folder. */
  readonly link: string;
  /** Runs the installer in a folder that has the files. @throws DcfError as `runInstaller` does */
  readonly install: (directory: string, run: InstallerRun) => Promise<void>;
}

/**
 * The digest of a plan. It depends on platform and interpreter, because packages may contain native code.
 *
 * @param runtime - identifies the interpreter that will load the packages
 * @param files - the plan's files
 */
export function planDigest(runtime: string, files: ReadonlyMap<string, Uint8Array>): Digest {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${runtime}\n`);
  for (const [path, bytes] of files) hash.update(`${JSON.stringify(path)} ${bytes.length}\n`).update(bytes);
  return digestOf(hash);
}

/** Reads a file of a package; `undefined` when it does not exist. */
export async function readIfThere(directory: string, path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(join(directory, path));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The text of a file of a package, without a byte order mark. @throws DcfError FAILED_PRECONDITION when it is not UTF-8 */
export function textOf(bytes: Uint8Array, path: string): string {
  try {
    return decodeText(bytes);
  } catch (error) {
    throw refuse(`${path} ${messageOf(error)}`);
  }
}
