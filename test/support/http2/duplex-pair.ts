import { Duplex } from 'node:stream';

/** One end of a pair: what is written to it is read at the other. */
class End extends Duplex {
  private other: End | undefined;
  private taken: (() => void) | undefined;

  join(other: End): void {
    this.other = other;
  }

  override _read(): void {
    const { other } = this;
    const taken = other?.taken;
    if (other !== undefined) other.taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // The memory may be used again once the write is done. It is done when the other end wants more.
    const goesOn = chunk.length === 0 || this.other?.push(Buffer.from(chunk)) !== false;
    if (goesOn) setImmediate(done);
    else this.taken = done;
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    this.other = undefined;
    if (other !== undefined) setImmediate(() => other.destroy());
    done(error);
  }
}

/** Two streams without a system between them: what is written to one is read from the other. */
export function duplexPair(): [Duplex, Duplex] {
  const ends: [End, End] = [new End(), new End()];
  ends[0].join(ends[1]);
  ends[1].join(ends[0]);
  return ends;
}
