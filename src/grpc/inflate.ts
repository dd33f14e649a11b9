import { createGunzip } from 'node:zlib';
import { StatusError } from './status.js';

export interface InflateOptions {
  /** Most bytes of the message. */
  maxLength: number;
  /** Counts bytes that have come out. What it throws ends the work. */
  count: (bytes: number) => void;
  /** Called once, unless the work was given up before. */
  done: (error: unknown, message: Buffer | undefined) => void;
}

/**
 * Inflates a message of gzip. Its bytes are counted as they come out, so that many messages that hold a thousand times as much as they
 * seem to are not all in memory before somebody asks.
 *
 * @returns gives the work up
 */
export function inflate(bytes: Buffer, { maxLength, count, done }: InflateOptions): () => void {
  const gunzip = createGunzip();
  const parts: Buffer[] = [];
  let length = 0;
  let over = false;
  const finish = (error: unknown, message?: Buffer): void => {
    if (over) return;
    over = true;
    gunzip.destroy();
    parts.length = 0;
    done(error, message);
  };
  gunzip.on('data', (part: Buffer) => {
    if (over) return;
    length += part.length;
    try {
      if (length > maxLength)
        throw new StatusError('RESOURCE_EXHAUSTED', `a compressed message holds more than the limit of ${maxLength} bytes`);
      count(part.length);
      parts.push(part);
    } catch (error) {
      finish(error);
    }
  });
  gunzip.on('error', (error) => finish(new StatusError('INTERNAL', `a compressed message is not valid gzip: ${error.message}`)));
  gunzip.on('end', () => finish(undefined, Buffer.concat(parts, length)));
  gunzip.end(bytes);
  return () => {
    over = true;
    gunzip.destroy();
  };
}
