import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { DcfError } from '../../core/errors.js';
import type { Digest } from '../../core/names.js';
import { exists } from '../disk/atomic-file.js';
import { diskError } from '../disk/disk-error.js';

export interface BlobTarget {
  readonly digest: Digest;
  /** The number of bytes that it will have. */
  readonly size: number;
  /** Path of the finished blob. */
  readonly path: string;
  /** Path of the unfinished blob, on the same file system. */
  readonly temporary: string;
  /** The data directory, for messages. */
  readonly dataDirectory: string;
}

/** Writes the bytes of one blob. After any failure nothing of it is left on the disk. */
export class BlobWriter {
  private readonly hash = createHash('sha256');
  private written = 0;

  private constructor(
    private readonly target: BlobTarget,
    private file: FileHandle | undefined,
  ) {}

  /** @throws DcfError RESOURCE_EXHAUSTED when the disk is full */
  static async open(target: BlobTarget): Promise<BlobWriter> {
    try {
      return new BlobWriter(target, await open(target.temporary, 'wx', 0o600));
    } catch (error) {
      throw diskError(error, target.dataDirectory, `store the blob ${target.digest}`);
    }
  }

  /**
   * Appends bytes. Wait for one call before the next.
   *
   * @throws DcfError INVALID_ARGUMENT for more bytes than were declared, RESOURCE_EXHAUSTED when the disk is full
   */
  async write(chunk: Uint8Array): Promise<void> {
    await this.attempt(async (file) => {
      this.written += chunk.length;
      if (this.written > this.target.size) throw this.refuse(`is longer than the ${this.target.size} bytes that were declared`);
      this.hash.update(chunk);
      await file.writeFile(chunk);
    });
  }

  /**
   * Checks the blob's digest and puts it in its place. From then on it survives a crash.
   *
   * @throws DcfError INVALID_ARGUMENT when it is too short, or when its bytes do not have its digest
   */
  async finish(): Promise<void> {
    await this.attempt(async (file) => {
      const { size, digest, path, temporary } = this.target;
      if (this.written < size) throw this.refuse(`ended after ${this.written} of ${size} bytes`);
      const found = this.hash.digest('hex');
      if (found !== digest) throw this.refuse(`has the SHA-256 ${found}: the file changed while it was sent; deploy again`);
      await file.chmod(0o444);
      await file.sync();
      // A blob that exists is not replaced: revisions are linked to it.
      if (!(await exists(path))) await rename(temporary, path);
    });
    await this.abort();
  }

  /** Gives up. Does nothing once the blob is finished or has failed. */
  async abort(): Promise<void> {
    const { file } = this;
    if (file === undefined) return;
    this.file = undefined;
    await file.close();
    await rm(this.target.temporary, { force: true });
  }

  private async attempt(task: (file: FileHandle) => Promise<void>): Promise<void> {
    const { file } = this;
    if (file === undefined) throw new DcfError('INTERNAL', `the blob ${this.target.digest} is not being written any more`);
    try {
      await task(file);
    } catch (error) {
      await this.abort();
      throw diskError(error, this.target.dataDirectory, `store the blob ${this.target.digest}`);
    }
  }

  private refuse(problem: string): DcfError {
    return new DcfError('INVALID_ARGUMENT', `the blob ${this.target.digest} ${problem}`);
  }
}
