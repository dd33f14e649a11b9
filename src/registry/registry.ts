import type { PackageFile } from '@dcf/sdk/contract';
import type { Manifest } from '@dcf/sdk/manifest';
import { DcfError } from '../core/errors.js';
import type { FunctionName, RevisionId } from '../core/names.js';
import { TaskQueue } from '../core/task-queue.js';
import type { Blobs } from './blobs/blobs.js';
import { exists, removeFolder, removeIfEmpty } from './disk/atomic-file.js';
import { diskError } from './disk/disk-error.js';
import type { Layout } from './disk/layout.js';
import { FunctionRecords } from './function-records.js';
import { checkPackage } from './model/check-package.js';
import { type DamagedFunction, type FunctionRecord, releaseOf } from './model/function-record.js';
import { activated, pruned, type Release, revisionsIn } from './model/release.js';
import type { RemoteResource } from './model/resources.js';
import { type Revision, type RevisionFile, revisionIdOf } from './model/revision.js';
import { RevisionFiles } from './revision-files.js';
import { openDataDirectory } from './state/data-directory.js';
import type { DirectoryLock } from './state/lock.js';

export interface RegistryOptions {
  /** The most bytes of all files of one package together. @default 64 GiB */
  maxPackageBytes?: number;
  /** Keeps other daemons out of the data directory; throws when it is taken. @default flock(1) */
  takeLock?: (directory: string) => DirectoryLock;
}

export type { DamagedFunction, FunctionRecord };

const defaultMaxPackageBytes = 64 * 2 ** 30;

/**
 * The functions and revisions of a data directory, in memory and on disk. A crash at any point leaves either the old state or
 * the new one. To deploy: `createRevision`, the missing blobs, `materialize`, `release`; or `discard`.
 */
export class Registry {
  private readonly files: RevisionFiles;
  private readonly functions: FunctionRecords;
  /** Revisions that were created and not released or discarded yet, by folder. */
  private readonly pending = new Map<string, Revision>();
  private readonly changes = new TaskQueue();

  private constructor(
    private readonly layout: Layout,
    private readonly lock: DirectoryLock,
    private readonly options: RegistryOptions,
  ) {
    this.files = new RevisionFiles(layout);
    this.functions = new FunctionRecords(layout);
  }

  /**
   * Opens a data directory, and makes it if it does not exist: takes its lock, removes unfinished files that a crash left, and loads
   * every function. A damaged function is listed in `damaged`; the others are loaded.
   *
   * @throws DcfError FAILED_PRECONDITION when the directory cannot be used or is in use by another daemon
   */
  static async open(dataDirectory: string, options: RegistryOptions = {}): Promise<Registry> {
    const { layout, lock } = await openDataDirectory(dataDirectory, options.takeLock);
    const registry = new Registry(layout, lock, options);
    try {
      await registry.load();
      return registry;
    } catch (error) {
      lock.release();
      throw diskError(error, layout.root, `open the data directory ${layout.root}`);
    }
  }

  /** Its path: absolute, with symbolic links resolved. */
  get dataDirectory(): string {
    return this.layout.root;
  }

  get blobs(): Blobs {
    return this.files.blobs;
  }

  /** Functions that could not be loaded, and why. Their files are not changed until they are deployed again or deleted. */
  get damaged(): readonly DamagedFunction[] {
    return this.functions.damaged;
  }

  /** Every deployed function, sorted by name. */
  list(): readonly FunctionRecord[] {
    return this.functions.list();
  }

  get(name: FunctionName): FunctionRecord | undefined {
    return this.functions.get(name);
  }

  /** Waits for the current change, and releases the lock of the data directory. */
  async close(): Promise<void> {
    await this.files.settled();
    await this.changes.run(async () => this.lock.release());
  }

  /**
   * Checks a package and gives it its revision id. Nothing is written.
   *
   * @returns the revision, and one file for each blob that the client has to send
   * @throws DcfError INVALID_ARGUMENT, RESOURCE_EXHAUSTED or FAILED_PRECONDITION with what is wrong with the package
   */
  createRevision(given: {
    manifest: Manifest;
    files: readonly PackageFile[];
  }): Promise<{ revision: Revision; missing: readonly RevisionFile[] }> {
    return this.change('look for blobs', async () => {
      const { manifest } = given;
      const { name } = manifest;
      const files = checkPackage(manifest, given.files, this.options.maxPackageBytes ?? defaultMaxPackageBytes);
      const id = revisionIdOf(manifest.given, files);
      const directory = this.layout.revision(name, id);
      const known = this.find(name, id);
      const revision = known ?? { name, id, createdAt: Date.now(), manifest, files, directory };
      if (known === undefined) this.pending.set(directory, revision);
      return { revision, missing: await this.files.missing(revision) };
    });
  }

  /** The resources of a revision that have to be downloaded before `materialize`. */
  missingResources(revision: Revision): Promise<readonly RemoteResource[]> {
    return this.files.missingResources(revision);
  }

  /**
   * Puts the revision's files into its folder, unless they are there.
   *
   * @throws DcfError DATA_LOSS when a blob is damaged or missing: another deploy sends it again, or `missingResources` lists it when
   *   it can be downloaded; NOT_FOUND for an unknown revision; RESOURCE_EXHAUSTED when the disk is full
   */
  materialize(revision: Revision): Promise<void> {
    const { name, id } = revision;
    return this.find(name, id) === undefined ? Promise.reject(unknownRevision(name, id)) : this.files.layOut(revision);
  }

  /**
   * Finds a revision that is kept, or that was created and not released yet.
   *
   * @throws DcfError NOT_FOUND when there is none
   */
  revision(name: FunctionName, id: RevisionId): Revision {
    const found = this.find(name, id);
    if (found === undefined) throw unknownRevision(name, id);
    return found;
  }

  /**
   * Makes a revision the active one, which gets every call that names no revision.
   *
   * @throws DcfError NOT_FOUND for a revision that is neither created nor kept, FAILED_PRECONDITION for one without its files
   */
  activate(name: FunctionName, id: RevisionId): Promise<FunctionRecord> {
    return this.change(`activate ${name} ${id}`, () => {
      const record = this.functions.get(name);
      return this.put(name, activated(record && releaseOf(record), id, Date.now()));
    });
  }

  /**
   * Writes which revisions get which calls. Revisions that were created, and that the release names, are kept from then on.
   *
   * @throws DcfError NOT_FOUND for a revision that is neither created nor kept, FAILED_PRECONDITION for one without its files
   */
  release(name: FunctionName, release: Release): Promise<FunctionRecord> {
    return this.change(`release ${name} ${release.active}`, () => this.put(name, release));
  }

  /** Whether a function of this name is on disk, damaged or not. */
  has(name: FunctionName): boolean {
    return this.functions.has(name);
  }

  /** Drops a revision that was created and not released. Its blobs stay until the next `retain` or `delete`, for another try. */
  discard(revision: Revision): Promise<void> {
    return this.change(`discard ${revision.name} ${revision.id}`, async () => {
      if (!this.pending.delete(revision.directory)) return;
      if (this.find(revision.name, revision.id) === undefined) await this.files.remove(revision);
      const begun = [...this.pending.values()].some((other) => other.name === revision.name);
      if (!begun && this.get(revision.name) === undefined) await removeIfEmpty(this.layout.function(revision.name));
    });
  }

  /**
   * Removes all revisions except the last `keep` ones and those that get calls, and then blobs and packages that no revision needs.
   *
   * @param inUse - whether a revision still runs, although it gets no new calls: it is not removed this time
   * @returns the ids of the removed revisions
   */
  retain(name: FunctionName, keep = 5, inUse: (id: RevisionId) => boolean = () => false): Promise<readonly RevisionId[]> {
    return this.change(`remove old revisions of ${name}`, async () => {
      const record = this.functions.get(name);
      if (record === undefined) return [];
      const named = new Set<RevisionId>(revisionsIn(releaseOf(record)));
      const newest = new Set(record.revisions.slice(Math.max(0, record.revisions.length - keep)));
      const removed = record.revisions.filter((revision) => !newest.has(revision) && !named.has(revision.id) && !inUse(revision.id));
      if (removed.length > 0) {
        const revisions = record.revisions.filter((revision) => !removed.includes(revision));
        const release = pruned(releaseOf(record), new Set<string>(revisions.map((revision) => revision.id)));
        await this.functions.write({ ...record, ...release, active: record.active, revisions });
      }
      for (const revision of removed) if (!this.pending.has(revision.directory)) await this.files.remove(revision);
      await this.sweep();
      return removed.map((revision) => revision.id);
    });
  }

  /**
   * Deletes a function. It is deleted once its `function.json` is removed; its other files are removed afterwards.
   *
   * @param whenGone - called, and awaited, before the other files are removed: ends what uses them
   * @throws DcfError NOT_FOUND when there is no such function
   */
  async delete(name: FunctionName, whenGone: () => Promise<void> = async () => undefined): Promise<void> {
    await this.change(`delete ${name}`, async () => {
      if (!this.functions.has(name)) throw new DcfError('NOT_FOUND', `there is no function ${name}`);
      await this.functions.remove(name);
    });
    // Outside the change, so that other functions' changes do not wait until this one's replicas have ended.
    try {
      await whenGone();
    } finally {
      await this.change(`delete ${name}`, async () => {
        await removeFolder(this.layout.function(name));
        await this.sweep();
      });
    }
  }

  private async load(): Promise<void> {
    await this.files.open();
    await this.functions.load(this.blobs);
  }

  private find(name: FunctionName, id: RevisionId): Revision | undefined {
    const known = this.functions.get(name)?.revisions.find((revision) => revision.id === id);
    return known ?? this.pending.get(this.layout.revision(name, id));
  }

  private async put(name: FunctionName, release: Release): Promise<FunctionRecord> {
    const named = revisionsIn(release).map((id) => this.revision(name, id));
    for (const { id, directory } of named) {
      if (!(await exists(directory)))
        throw new DcfError('FAILED_PRECONDITION', `the files of revision ${id} of ${name} are not in its folder yet`);
    }
    const [active = this.revision(name, release.active)] = named;
    const { revisions: kept = [], active: before } = this.functions.get(name) ?? {};
    // New revisions come last, and a revision that is activated comes after them.
    const added = named.filter((revision) => !kept.includes(revision));
    const ordered = [...kept, ...added];
    const revisions = active === before ? ordered : [...ordered.filter((revision) => revision !== active), active];
    const record = await this.functions.write({ ...release, name, active, revisions });
    for (const revision of named) this.pending.delete(revision.directory);
    return record;
  }

  /** Removes blobs and installed packages that no revision needs. Does nothing while a function is damaged: what it needs is not known. */
  private async sweep(): Promise<void> {
    if (this.damaged.length > 0) return;
    await this.files.sweep([...this.pending.values(), ...this.list().flatMap((record) => record.revisions)]);
  }

  private async change<Result>(doing: string, task: () => Promise<Result>): Promise<Result> {
    try {
      return await this.changes.run(task);
    } catch (error) {
      throw diskError(error, this.layout.root, doing);
    }
  }
}

function unknownRevision(name: FunctionName, id: RevisionId): DcfError {
  return new DcfError('NOT_FOUND', `there is no revision ${id} of ${name}`);
}
