import { normalize } from 'node:path/posix';
import type { PackageFile } from '@dcf/sdk/contract';
import type { Manifest } from '@dcf/sdk/manifest';
import { checkPackagePath, emptyFolderMode, findCollision, isFolderMode, maximumFiles } from '@dcf/sdk/package';
import { formatSize } from '@dcf/sdk/units';
import { DcfError } from '../../core/errors.js';
import { type Digest, isDigest } from '../../core/names.js';
import { localResourcePaths, remoteFolder, remoteResources } from './resources.js';
import { type RevisionFile, sizeOf } from './revision.js';

/**
 * Checks the files of a package as a client sent them, and sorts them by path.
 *
 * @param maxBytes - the most bytes of all files together
 * @throws DcfError INVALID_ARGUMENT with the file and what is wrong with it, RESOURCE_EXHAUSTED over a limit,
 *   FAILED_PRECONDITION for a resource that this daemon does not support
 */
export function checkPackage(manifest: Manifest, given: readonly PackageFile[], maxBytes: number): readonly RevisionFile[] {
  if (given.length > maximumFiles) {
    throw new DcfError('RESOURCE_EXHAUSTED', `the package has ${given.length} files: ${maximumFiles} are allowed`);
  }
  const files = given.map(checkFile).sort((a, b) => (a.path < b.path ? -1 : 1));
  const collision = findCollision(files.map((file) => file.path));
  if (collision !== undefined) {
    const [first, second] = collision.map((path) => JSON.stringify(path));
    throw refuse(`the files ${first} and ${second} cannot both exist on every file system: rename one`);
  }
  const total = sizeOf(files);
  if (total > maxBytes) {
    throw new DcfError('RESOURCE_EXHAUSTED', `the package has ${formatSize(total)}: ${formatSize(maxBytes)} are allowed`);
  }
  checkSizes(files);
  checkHandler(manifest, files);
  checkResources(manifest, files);
  return files;
}

function checkFile({ path, mode, size, sha256 }: PackageFile): RevisionFile {
  const shown = `the file ${JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path)}`;
  const problem = checkPackagePath(path);
  if (problem !== undefined) throw refuse(`${shown} ${problem}`);
  if (!Number.isSafeInteger(size) || size < 0) throw refuse(`${shown} has the size ${size}; it must be a whole number of bytes from 0`);
  if (!isDigest(sha256)) throw refuse(`${shown} has no SHA-256 of 64 lower-case hexadecimal digits`);
  if (!isFolderMode(mode)) return { path, mode: (mode & 0o100) === 0 ? 0o644 : 0o755, size, sha256 };
  if (size !== 0) throw refuse(`${shown} is an empty folder, but has the size ${size}; it must be 0`);
  return { path, mode: emptyFolderMode, size, sha256 };
}

function checkSizes(files: readonly RevisionFile[]): void {
  const byDigest = new Map<Digest, RevisionFile>();
  for (const file of files) {
    const other = byDigest.get(file.sha256);
    if (other !== undefined && other.size !== file.size) {
      throw refuse(`the files ${other.path} and ${file.path} have the same SHA-256, but not the same size`);
    }
    byDigest.set(file.sha256, file);
  }
}

function checkHandler(manifest: Manifest, files: readonly RevisionFile[]): void {
  for (const key of ['handler', 'initializer'] as const) {
    const named = manifest[key];
    if (named === undefined) continue;
    const path = normalize(named.path);
    if (!files.some((file) => file.path === path && !isFolderMode(file.mode)))
      throw refuse(`${key}: ${JSON.stringify(path)} is not among the files of the package`);
  }
}

function checkResources(manifest: Manifest, files: readonly RevisionFile[]): void {
  const taken = files.find(({ path }) => path.toLowerCase().split('/')[0] === remoteFolder);
  if (remoteResources(manifest).length > 0 && taken !== undefined) {
    throw refuse(
      `the file ${JSON.stringify(taken.path)} is in the folder for downloaded resources: rename the folder ${remoteFolder} of the package`,
    );
  }
  for (const [name, path] of localResourcePaths(manifest)) {
    const shown = `resources.${name}: ${JSON.stringify(path)}`;
    const file = files.find((candidate) => candidate.path === path);
    if (file === undefined && !files.some((candidate) => candidate.path.startsWith(`${path}/`))) {
      throw refuse(`${shown} is not among the files of the package`);
    }
    const resource = manifest.resources[name];
    const wanted = typeof resource === 'object' ? resource.sha256 : undefined;
    if (wanted === undefined || wanted === file?.sha256) continue;
    if (file === undefined) throw refuse(`${shown} is a folder, but a sha256 can only be given for a file`);
    throw refuse(`${shown} has the SHA-256 ${file.sha256}, but the manifest wants ${wanted}`);
  }
}

function refuse(problem: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', problem);
}
