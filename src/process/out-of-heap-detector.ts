import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';

const sign = Buffer.from('JavaScript heap out of memory');

/** What a process writes to stderr, unchanged, and whether V8's last words about a full heap were among it. */
export class OutOfHeapDetector {
  /** What stderr had, unchanged. */
  readonly output: Readable;
  seen = false;
  private tail: Buffer = Buffer.alloc(0);

  constructor(stderr: Readable) {
    const output = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.look(chunk);
        done(null, chunk);
      },
    });
    stderr.pipe(output);
    // A pipe that breaks has nothing more to say.
    stderr.on('error', () => output.end());
    this.output = output;
  }

  private look(chunk: Buffer): void {
    if (this.seen) return;
    const text = Buffer.concat([this.tail, chunk]);
    this.seen = text.includes(sign);
    this.tail = text.subarray(-sign.length);
  }
}
