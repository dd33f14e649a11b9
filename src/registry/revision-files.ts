import { rm } from 'node:fs/promises';
import type { Digest } from '../core/names.js';
import { Blobs } from './blobs/blobs.js';
import { materialize } from './blobs/materialize.js';
import { exists, removeFolder } from './disk/atomic-file.js';
import { diskError } from './disk/disk-error.js';
import { buildLogOf, type Layout } from './disk/layout.js';
import { recoverDependencies, sweepDependencies } from './install/dependencies.js';
import { type RemoteResource, remoteResources } from './model/resources.js';
import { type Revision, type RevisionFile, withBytes } from './model/revision.js';

/** The files of revisions on disk: the blobs of their packages and resources, and their folders. */
export class RevisionFiles {
  readonly blobs: Blobs;
  /** Revisions whose folders are being filled, by folder. */
  private readonly materializing = new Map<string, Promise<void>>();

  constructor(private readonly layout: Layout) {
    this.blobs = new Blobs(layout.blobs, layout.root);
  }

  /** Removes unfinished files that a crash left. */
  async open(): Promise<void> {
    await this.blobs.open();
    await recoverDependencies(this.layout.root);
  }

  /** Resolves when no folder of a revision is being filled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.materializing.values());
  }

  /** Files of the package that the client has to send, one for each missing blob. */
  async missing(revision: Revision): Promise<RevisionFile[]> {
    if (await exists(revision.directory)) return [];
    const missing: RevisionFile[] = [];
    const fileByDigest = new Map(withBytes(revision.files).map((file) => [file.sha256, file]));
    for (const [digest, file] of fileByDigest) {
      if (!(await this.blobs.has(digest))) missing.push(file);
    }
    return missing;
  }

  /** Resources that have to be downloaded. */
  async missingResources({ directory, manifest }: Revision): Promise<RemoteResource[]> {
    if (await exists(directory)) return [];
    const missing: RemoteResource[] = [];
    for (const resource of remoteResources(manifest)) {
      if (!(await this.blobs.has(resource.digest))) missing.push(resource);
    }
    return missing;
  }

  /** Puts the files into the revision's folder, unless they are there. @throws DcfError as `materialize` does */
  layOut(revision: Revision): Promise<void> {
    const { name, id, directory } = revision;
    const running = this.materializing.get(directory);
    if (running !== undefined) return running;
    const begun = materialize(revision, this.blobs)
      .catch((error: unknown) => {
        throw diskError(error, this.layout.root, `lay out ${name} ${id}`);
      })
      .finally(() => this.materializing.delete(directory));
    this.materializing.set(directory, begun);
    return begun;
  }

  /** Removes the revision's folder. Its blobs are removed by the next `sweep`. */
  async remove(revision: Revision): Promise<void> {
    await removeFolder(revision.directory);
    await rm(buildLogOf(revision.directory), { force: true });
  }

  /** Removes blobs and installed packages that none of these revisions needs. */
  async sweep(revisions: readonly Revision[]): Promise<void> {
    await this.blobs.sweep(new Set<Digest>(revisions.flatMap(blobsOf)));
    await sweepDependencies(
      this.layout.root,
      revisions.map((revision) => revision.directory),
    );
  }
}

function blobsOf({ files, manifest }: Revision): Digest[] {
  return [...withBytes(files).map((file) => file.sha256), ...remoteResources(manifest).map((resource) => resource.digest)];
}
