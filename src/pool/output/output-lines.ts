import type { Readable } from 'node:stream';
import type { RateLimiter } from '../../core/rate-limiter.js';
import { LineSplitter } from './line-splitter.js';
import type { LinePart } from './open-line.js';

/** After this many bytes the event loop handles its other events before more is read. */
const manyBytes = 16 * 1024;
/** How long reading pauses while lines are only counted: the full pipe then holds up the program that writes. */
const pauseMs = 10;

/**
 * Reads the lines that a process prints. Lines above the limiter's rate are only counted. A process that prints without end takes
 * little of the daemon's time: its pipe is read in small pieces, and slowly while lines are only counted.
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
  // No more output comes through a broken pipe.
  stream.on('error', () => lines.end());
}
