import { Duplex } from 'node:stream';

/**
 * A socket that is none: it keeps what is written. Its writes can be held back, as those of a socket whose peer does not read.
 */
export class FakeSocket extends Duplex {
  private readonly written: Buffer[] = [];
  private held: (() => void) | undefined;
  private holding = false;
  /** Number of writes to the system. */
  writes = 0;
  bytesRead = 0;

  constructor() {
    super({ autoDestroy: false });
    this.on('error', () => undefined);
  }

  /** Takes no more: a write that begins from now on is not done until `release`. */
  hold(): void {
    this.holding = true;
  }

  /** Takes what was held back. */
  release(): void {
    this.holding = false;
    const { held } = this;
    this.held = undefined;
    held?.();
  }

  /** What was written since this was last called, and was not held back. */
  taken(): Buffer {
    return Buffer.concat(this.written.splice(0));
  }

  /** Bytes come from the peer: they are read in this turn of the event loop. */
  arrive(bytes: Buffer): void {
    this.bytesRead += bytes.length;
    this.push(bytes);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.keep([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.keep(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  private keep(chunks: Buffer[], done: () => void): void {
    const write = (): void => {
      this.writes += 1;
      // The memory may be used again once the write is done.
      for (const chunk of chunks) if (chunk.length > 0) this.written.push(Buffer.from(chunk));
      done();
    };
    if (this.holding) this.held = write;
    else write();
  }
}
