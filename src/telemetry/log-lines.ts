import type { OpenLogFile } from './log-files.js';

const chunkBytes = 64 * 1024;
const lineFeed = 10;

/** The lines of a file. node:readline is not used, because it also ends a line at U+2028, which JSON allows in strings. */
export async function* linesForwards(log: OpenLogFile): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  for (let at = 0; at < log.size; at += chunkBytes) {
    const chunk = await readChunk(log, at, Math.min(at + chunkBytes, log.size));
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      yield textOf([...parts, chunk.subarray(start, end)]);
      parts = [];
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
  }
  yield textOf(parts);
}

/** The lines of a file from the last to the first. Only as much of the file is read as is asked for. */
export async function* linesBackwards(log: OpenLogFile): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  for (let end = log.size; end > 0; end -= chunkBytes) {
    let chunk = await readChunk(log, Math.max(0, end - chunkBytes), end);
    for (let at = chunk.lastIndexOf(lineFeed); at !== -1; at = chunk.lastIndexOf(lineFeed)) {
      yield textOf([chunk.subarray(at + 1), ...parts.reverse()]);
      parts = [];
      chunk = chunk.subarray(0, at);
    }
    parts.push(chunk);
  }
  yield textOf(parts.reverse());
}

/** The bytes from `start` to `end`; fewer when the file was truncated meanwhile. */
async function readChunk({ file }: OpenLogFile, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(end - start);
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function textOf(parts: readonly Buffer[]): string {
  const [only] = parts;
  return (parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)).toString('utf8');
}
