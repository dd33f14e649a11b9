import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../core/errors.js';
import { type Digest, isDigest } from '../../core/names.js';
import { exists, syncPath, unfinished } from '../disk/atomic-file.js';
import { fileDigest } from '../disk/file-digest.js';
import { BlobWriter } from './blob-writer.js';
import { removePartial } from './partial-file.js';

export type { BlobWriter };

const partial = '.partial';
const partialKeptMs = 7 * 24 * 3_600_000;

export type Condition = 'whole' | 'damaged' | 'missing';

/** Stores every file of every package once, named by its SHA-256. */
export class Blobs {
  private writers = 0;

  /**
   * @param directory - the folder of the blobs
   * @param dataDirectory - the data directory, for messages
   */
  constructor(
    private readonly directory: string,
    private readonly dataDirectory: string,
  ) {}

  /** Makes the folder, and removes unfinished blobs that a crash left, and parts of downloads that are older than a week. */
  async open(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    for (const name of await readdir(this.directory)) {
      if (name.endsWith(unfinished)) await rm(join(this.directory, name));
      if (name.endsWith(partial)) await this.removeIfOld(join(this.directory, name));
    }
  }

  /** The path of a blob, whether it exists or not. */
  path(digest: Digest): string {
    return join(this.directory, digest);
  }

  async has(digest: Digest): Promise<boolean> {
    return await exists(this.path(digest));
  }

  /**
   * Makes a writer for a blob. Several writers may write the same blob at the same time.
   *
   * @param size - the number of bytes that it will have
   * @throws DcfError RESOURCE_EXHAUSTED when the disk is full
   */
  async writer(digest: Digest, size: number): Promise<BlobWriter> {
    this.writers += 1;
    const path = this.path(digest);
    const temporary = `${path}.${this.writers}${unfinished}`;
    return await BlobWriter.open({ digest, size, path, temporary, dataDirectory: this.dataDirectory });
  }

  /** Reads all of a blob, and compares it with its digest. */
  verify(digest: Digest): Promise<Condition> {
    return conditionOf(this.path(digest), digest);
  }

  /** The path of the part of a blob that was downloaded; a later download continues it. */
  partialPath(digest: Digest): string {
    return join(this.directory, `${digest}${partial}`);
  }

  /** Turns a complete, synced download into a blob. From then on it survives a crash. */
  async adopt(digest: Digest): Promise<void> {
    const path = this.partialPath(digest);
    await chmod(path, 0o444);
    // A blob that exists is not replaced: revisions are linked to it.
    if (!(await this.has(digest))) await rename(path, this.path(digest));
    await removePartial(path);
    await this.flush();
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  /** Waits until the folder's entries for all finished blobs are on the disk; their bytes are there before. */
  async flush(): Promise<void> {
    await syncPath(this.directory);
  }

  /** Removes every blob that is not in `used`, and returns how many. Blobs that are being written are not touched. */
  async sweep(used: ReadonlySet<Digest>): Promise<number> {
    const unused = (await readdir(this.directory)).filter((name) => isDigest(name) && !used.has(name));
    for (const name of unused) await rm(join(this.directory, name), { force: true });
    return unused.length;
  }

  private async removeIfOld(path: string): Promise<void> {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > partialKeptMs) await removePartial(path);
  }
}

/** Reads all of a file, and compares it with a digest. */
export async function conditionOf(path: string, digest: Digest): Promise<Condition> {
  try {
    return (await fileDigest(path)) === digest ? 'whole' : 'damaged';
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'missing';
    throw error;
  }
}
