import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm, writeFile } from 'node:fs/promises';

const bufferBytes = 256 * 1024;
/** TLS delivers at most 16 KiB at once, and writing each piece takes as long as receiving it: so many are written together. */
const writeBytes = 2 ** 20;

/** The part of a file that was downloaded, with its digest. It survives the daemon, so that the download can continue later. */
export class PartialFile {
  /** Number of bytes that were downloaded. */
  size = 0;
  private hash: Hash = createHash('sha256');
  private waiting: Uint8Array[] = [];
  private written = 0;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** The server's ETag for the version that this is a part of. */
    public etag: string | undefined,
  ) {}

  /** Opens the part of an earlier download and computes its digest, or makes an empty one. Rejects with the signal's reason when it aborts. */
  static async open(path: string, signal: AbortSignal): Promise<PartialFile> {
    const etag = await readFile(etagPath(path), 'utf8').catch(() => undefined);
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const partial = new PartialFile(path, file, etag);
    try {
      await partial.read(signal);
      return partial;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Appends bytes. They are written once there is 1 MiB of them, or by `flush`. Wait for one call before the next. */
  async append(chunk: Uint8Array): Promise<void> {
    this.hash.update(chunk);
    this.size += chunk.length;
    this.waiting.push(chunk);
    if (this.size - this.written >= writeBytes) await this.flush();
  }

  /** Writes all appended bytes to the file. */
  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.waiting);
    this.waiting = [];
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.file.write(bytes, at, bytes.length - at, this.written);
      at += bytesWritten;
      this.written += bytesWritten;
    }
  }

  /** Drops all bytes, and begins again with another version. @param etag - the server's ETag for it */
  async restart(etag: string | undefined): Promise<void> {
    if (this.written > 0) await this.file.truncate(0);
    this.size = 0;
    this.written = 0;
    this.waiting = [];
    this.hash = createHash('sha256');
    this.etag = etag;
    if (etag === undefined) await rm(etagPath(this.path), { force: true });
    else await writeFile(etagPath(this.path), etag, { mode: 0o600 });
  }

  /** SHA-256 of all appended bytes, in hexadecimal digits. */
  digest(): string {
    return this.hash.copy().digest('hex');
  }

  /** Waits until all appended bytes are on the disk. */
  async sync(): Promise<void> {
    await this.flush();
    await this.file.sync();
  }

  /** Closes the file; an empty one is removed. */
  async close(): Promise<void> {
    await this.file.close();
    if (this.size === 0) await removePartial(this.path);
  }

  private async read(signal: AbortSignal): Promise<void> {
    const { size } = await this.file.stat();
    const buffer = Buffer.allocUnsafe(Math.min(size, bufferBytes));
    while (this.size < size) {
      signal.throwIfAborted();
      const { bytesRead } = await this.file.read(buffer, 0, buffer.length, this.size);
      if (bytesRead === 0) return;
      this.hash.update(buffer.subarray(0, bytesRead));
      this.size += bytesRead;
      this.written = this.size;
    }
  }
}

/** Removes the part of a download, if there is one. */
export async function removePartial(path: string): Promise<void> {
  for (const each of [path, etagPath(path)]) await rm(each, { force: true });
}

function etagPath(path: string): string {
  return `${path}.etag`;
}
