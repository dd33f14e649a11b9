import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** Small enough that the daemon does other work while a large file is read. */
const bufferBytes = 256 * 1024;

/** The SHA-256 of a file, in hexadecimal digits. Throws the error of the file system. */
export async function fileDigest(path: string): Promise<string> {
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
