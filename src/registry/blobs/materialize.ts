import { chmod, constants, copyFile, link, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isFolderMode } from '@dcf/sdk/package';
import { DcfError } from '../../core/errors.js';
import type { Digest } from '../../core/names.js';
import { exists, removeFolder, stagingOf, syncPath, syncTree } from '../disk/atomic-file.js';
import { cannotLink } from '../disk/disk-error.js';
import { forEachOf } from '../disk/each.js';
import { isResourceFile, type RemoteResource, remoteResources, resourcePaths } from '../model/resources.js';
import { type Revision, type RevisionFile, withBytes } from '../model/revision.js';
import { type Blobs, conditionOf } from './blobs.js';

/**
 * Puts a revision's files into its folder, unless the folder exists: all of them or none, synced to the disk. Code is copied,
 * because a Handler may write into its folder. Resources are hard links to the blobs, so that weights take their space once. When
 * the folder exists, its resources are read and checked, so that a file that a failing disk has changed is never loaded.
 *
 * @throws DcfError DATA_LOSS when a blob is damaged or missing. A damaged blob is removed, so that it is sent or downloaded again
 */
export async function materialize(revision: Revision, blobs: Blobs): Promise<void> {
  const { directory } = revision;
  const files = withBytes(revision.files);
  const emptyFolders = revision.files.filter((file) => isFolderMode(file.mode));
  if (await exists(directory)) {
    if (await hasWholeResources(revision)) return;
    await removeFolder(directory);
  }
  const resources = resourcePaths(revision.manifest);
  const remote = remoteResources(revision.manifest);
  const staging = stagingOf(directory);
  try {
    await blobs.flush();
    await verifyAll(files, remote, blobs);
    await makeFolders(staging, [...files, ...remote]);
    for (const { path } of emptyFolders) await mkdir(join(staging, path), { recursive: true });
    await forEachOf(files, async (file) => {
      const target = join(staging, file.path);
      await place(blobs.path(file.sha256), target, file.mode, isResourceFile(file.path, resources));
    });
    for (const { path, digest } of remote) await place(blobs.path(digest), join(staging, path), 0o444, true);
    await syncTree(staging);
    await rename(staging, directory);
    await syncPath(dirname(directory));
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}

async function hasWholeResources({ directory, files, manifest }: Revision): Promise<boolean> {
  const resources = resourcePaths(manifest);
  const local = withBytes(files)
    .filter((file) => isResourceFile(file.path, resources))
    .map((file) => ({ path: file.path, digest: file.sha256 }));
  for (const { path, digest } of [...local, ...remoteResources(manifest)]) {
    if ((await conditionOf(join(directory, path), digest)) !== 'whole') return false;
  }
  return true;
}

async function verifyAll(files: readonly RevisionFile[], remote: readonly RemoteResource[], blobs: Blobs): Promise<void> {
  const ours = files.map((file) => [file.sha256, file.path] as const);
  const theirs = remote.map((resource) => [resource.digest, resource.path] as const);
  const problems: string[] = [];
  for (const [digest, path] of new Map<Digest, string>([...ours, ...theirs])) {
    const condition = await blobs.verify(digest);
    if (condition === 'whole') continue;
    if (condition === 'damaged') await blobs.remove(digest);
    problems.push(`the blob ${digest} (${path}) is ${condition}`);
  }
  const [first] = problems;
  if (first !== undefined) throw new DcfError('DATA_LOSS', `${first}: deploy the function again`);
}

async function makeFolders(staging: string, files: readonly { path: string }[]): Promise<void> {
  await mkdir(staging, { recursive: true });
  for (const folder of new Set(files.map((file) => dirname(file.path)))) await mkdir(join(staging, folder), { recursive: true });
}

async function place(blob: string, target: string, mode: number, isResource: boolean): Promise<void> {
  if (isResource) {
    try {
      await link(blob, target);
      // The blob and its links are one file: all revisions with this resource can execute it then.
      if ((mode & 0o100) !== 0) await chmod(target, 0o555);
      return;
    } catch (error) {
      if (!cannotLink(error)) throw error;
    }
  }
  await copyFile(blob, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  await chmod(target, isResource ? mode & 0o555 : mode);
}
