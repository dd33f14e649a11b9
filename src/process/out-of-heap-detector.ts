import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';

const sign = Buffer.from('JavaScript heap out of memory');

/** Passes on what a process writes to stderr, and notes whether V8's message about a full heap was in it. */
export class OutOfHeapDetector {
  /** The unchanged output. */
  readonly output: Readable;
  /** Whether the message has come. */
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
    // No more output comes through a broken pipe.
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
