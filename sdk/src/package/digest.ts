import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { type Digest, isDigest } from '../names.js';
import { type Folder, openFile, unreadable } from './folder/folder.js';
import { emptyFolderMode, type PackedFile } from './types.js';

const bufferBytes = 256 * 1024;
/** How many files are read at the same time: few, so that little memory is used, but enough for many small files. */
const readers = 4;

/**
 * Finds out size, mode and SHA-256 of files on disk, with bounded memory. The result is in the order of `paths`.
 *
 * @throws DcfError INVALID_ARGUMENT for a file that cannot be read
 */
export async function digestFiles(folder: Folder, paths: readonly string[]): Promise<PackedFile[]> {
  const packed: PackedFile[] = [];
  let next = 0;
  async function read(): Promise<void> {
    const buffer = Buffer.allocUnsafe(bufferBytes);
    for (let path = paths[next]; path !== undefined; path = paths[next]) {
      const index = next++;
      try {
        packed[index] = await digestFile(folder, path, buffer);
      } catch (error) {
        next = paths.length;
        throw error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(readers, paths.length) }, read));
  return packed;
}

/** A file that exists in memory only. */
export function packBytes(path: string, bytes: Uint8Array): PackedFile {
  const sha256 = digestOf(createHash('sha256').update(bytes));
  return { path, mode: 0o644, size: bytes.length, sha256, source: { kind: 'memory', bytes } };
}

/** An empty folder. */
export function packEmptyFolder(path: string): PackedFile {
  return { ...packBytes(path, new Uint8Array()), mode: emptyFolderMode };
}

async function digestFile(folder: Folder, path: string, buffer: Buffer): Promise<PackedFile> {
  try {
    const file = await openFile(folder, path);
    try {
      const hash = createHash('sha256');
      let size = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        size += bytesRead;
      }
      const mode = ((await file.stat()).mode & 0o100) === 0 ? 0o644 : 0o755;
      return { path, mode, size, sha256: digestOf(hash), source: { kind: 'disk', path: join(folder.real, path) } };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(folder, path, error);
  }
}

/** The result of a SHA-256. */
export function digestOf(hash: Hash): Digest {
  const digest = hash.digest('hex');
  if (!isDigest(digest)) throw new TypeError(`SHA-256 gave ${digest}`);
  return digest;
}
