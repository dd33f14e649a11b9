import type { Readable } from 'node:stream';
import type { RateLimiter } from '../../core/rate-limiter.js';
import { LineSplitter } from './line-splitter.js';
import type { LinePart } from './open-line.js';

/** After this many bytes, what else waits in this turn goes first. */
const manyBytes = 16 * 1024;
/** How long a stream is left alone once its lines are only counted: its writer is then held up by the full pipe. */
const pauseMs = 10;

/**
 * Reads the lines that a process prints, as far as the limiter goes; the others are counted. A process that prints without
 * end takes little of the daemon's time: its pipe is read in small pieces, and at a walk while no line is taken.
 */
export function readLines(stream: Readable, limiter: RateLimiter, onLine: (line: string, part: LinePart) => void): void {
  const lines = new LineSplitter((line, part) => {
    if (limiter.take()) onLine(line, part);
  });
  const resume = (): void => void stream.resume();
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    lines.push(chunk);
    bytes += chunk.length;
    if (bytes < manyBytes) return;
    bytes = 0;
    stream.pause();
    if (limiter.spent) setTimeout(resume, pauseMs);
    else setImmediate(resume);
  });
  stream.on('end', () => lines.end());
  // A pipe that breaks has nothing more to say.
  stream.on('error', () => lines.end());
}
