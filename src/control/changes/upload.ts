import { DcfError } from '../../core/errors.js';
import { type Digest, isDigest } from '../../core/names.js';
import type { BlobWriter } from '../../registry/blobs/blob-writer.js';
import type { Blobs } from '../../registry/blobs/blobs.js';

/** A part of a blob. The parts of one blob follow each other. */
export interface Chunk {
  sha256: string;
  data: Uint8Array;
}

/**
 * Stores the blobs that a client sends. Nothing is stored of a blob that is incomplete.
 *
 * @param missing - the sizes of the blobs that the client has to send, by digest
 * @throws DcfError INVALID_ARGUMENT for a blob that was not asked for or is damaged, and for one that was not sent
 */
export async function receiveBlobs(blobs: Blobs, missing: ReadonlyMap<Digest, number>, chunks: AsyncIterable<Chunk>): Promise<void> {
  const left = new Map(missing);
  let current: { digest: Digest; writer: BlobWriter } | undefined;
  const finish = async (): Promise<void> => {
    await current?.writer.finish();
    if (current !== undefined) left.delete(current.digest);
    current = undefined;
  };
  try {
    for await (const { sha256, data } of chunks) {
      if (current?.digest !== sha256) {
        await finish();
        const size = isDigest(sha256) ? left.get(sha256) : undefined;
        if (!isDigest(sha256) || size === undefined)
          throw new DcfError(
            'INVALID_ARGUMENT',
            `the daemon did not ask for the blob ${JSON.stringify(sha256.slice(0, 64))}, or has it already`,
          );
        current = { digest: sha256, writer: await blobs.writer(sha256, size) };
      }
      await current.writer.write(data);
    }
    await finish();
  } finally {
    await current?.writer.abort();
  }
  const [first] = left.keys();
  if (first !== undefined) throw new DcfError('INVALID_ARGUMENT', `${left.size} of the missing blobs were not sent, such as ${first}`);
}
