import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { DcfError, reasonOf } from '../errors.js';
import type { PackedFile } from './types.js';

const chunkBytes = 256 * 1024;

/**
 * Reads a file of a package in chunks of 256 KiB; an empty file is one empty chunk. A chunk is valid only until the next one is read.
 *
 * @throws DcfError FAILED_PRECONDITION when the file has changed since it was packed
 */
export async function* readBlob(file: PackedFile): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of file.source.kind === 'memory' ? sliceBytes(file.source.bytes) : readFileChunks(file.path, file.source.path)) {
    size += chunk.length;
    if (size > file.size) throw changed(file.path, `it had ${file.size} bytes and has more now`);
    hash.update(chunk);
    yield chunk;
  }
  if (size !== file.size) throw changed(file.path, `it had ${file.size} bytes and has ${size} now`);
  if (hash.digest('hex') !== file.sha256) throw changed(file.path, 'it has other bytes now');
}

function* sliceBytes(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  let offset = 0;
  do {
    yield bytes.subarray(offset, offset + chunkBytes);
    offset += chunkBytes;
  } while (offset < bytes.length);
}

async function* readFileChunks(shown: string, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  const file = await readable(shown, open(path));
  try {
    for (let first = true; ; first = false) {
      const { bytesRead } = await readable(shown, file.read(buffer, 0, chunkBytes, null));
      if (bytesRead > 0 || first) yield buffer.subarray(0, bytesRead);
      if (bytesRead === 0) return;
    }
  } finally {
    await file.close();
  }
}

async function readable<Result>(shown: string, reading: Promise<Result>): Promise<Result> {
  try {
    return await reading;
  } catch (error) {
    throw changed(shown, `it cannot be read any more: ${reasonOf(error)}`, error);
  }
}

function changed(path: string, how: string, cause?: unknown): DcfError {
  const message = `${path} has changed since it was packed: ${how}. Deploy again when no program writes to it`;
  return new DcfError('FAILED_PRECONDITION', message, { cause });
}
