import { createHash } from 'node:crypto';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../core/errors.js';
import { type Digest, isDigest } from '../../core/names.js';
import { exists, syncPath, unfinished } from '../disk/atomic-file.js';
import { BlobWriter } from './blob-writer.js';
import { removePartial } from './partial-file.js';

export type { BlobWriter };

/** Small enough that other work of the daemon goes on while a large file is read. */
const bufferBytes = 256 * 1024;

const partial = '.partial';
const partialKeptMs = 7 * 24 * 3_600_000;

export type Condition = 'whole' | 'damaged' | 'missing';

/** Every file of every package, once, by its SHA-256. */
export class Blobs {
  private writers = 0;

  /**
   * @param directory - where they lie
   * @param dataDirectory - for messages
   */
  constructor(
    private readonly directory: string,
    private readonly dataDirectory: string,
  ) {}

  /** Makes the folder, and removes what a crash left half-written, and downloads that nobody went on with for long. */
  async open(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    for (const name of await readdir(this.directory)) {
      if (name.endsWith(unfinished)) await rm(join(this.directory, name));
      if (name.endsWith(partial)) await this.removeIfOld(join(this.directory, name));
    }
  }

  /** Where a blob is, if it is there. */
  path(digest: Digest): string {
    return join(this.directory, digest);
  }

  async has(digest: Digest): Promise<boolean> {
    return await exists(this.path(digest));
  }

  /**
   * What takes the bytes of a blob; more than one may do so for the same blob.
   *
   * @param size - bytes that it will have
   * @throws DcfError RESOURCE_EXHAUSTED when the disk is full
   */
  async writer(digest: Digest, size: number): Promise<BlobWriter> {
    this.writers += 1;
    const path = this.path(digest);
    const temporary = `${path}.${this.writers}${unfinished}`;
    return await BlobWriter.open({ digest, size, path, temporary, dataDirectory: this.dataDirectory });
  }

  /** Reads a blob through: whether its bytes are still those that its digest names. */
  verify(digest: Digest): Promise<Condition> {
    return conditionOf(this.path(digest), digest);
  }

  /** Where a part of a blob is while it is downloaded, and afterwards, until the download goes on. */
  partialPath(digest: Digest): string {
    return join(this.directory, `${digest}${partial}`);
  }

  /** Makes a download count that is whole and on the disk: from now on the blob is there, and stays after a crash. */
  async adopt(digest: Digest): Promise<void> {
    const path = this.partialPath(digest);
    await chmod(path, 0o444);
    // A blob that is there already stays: revisions are linked to it.
    if (!(await this.has(digest))) await rename(path, this.path(digest));
    await removePartial(path);
    await this.flush();
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  /** Waits until the names of all finished blobs are on the disk; their bytes are already. */
  async flush(): Promise<void> {
    await syncPath(this.directory);
  }

  /** Removes every blob that is not in `used`, and returns their number. Those being written are not touched. */
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

/** Reads a file through: whether its bytes are those that the digest names. */
export async function conditionOf(path: string, digest: Digest): Promise<Condition> {
  try {
    return (await digestOf(path)) === digest ? 'whole' : 'damaged';
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'missing';
    throw error;
  }
}

async function digestOf(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(bufferBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
