import { DcfError } from '../../../core/errors.js';
import { type Deferred, defer } from '../../../core/promises.js';
import { ReceiveWindow } from '../../../wire/credit.js';

const over: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };

/** The chunks of a streamed input, for one reader. The daemon sends further chunks as these are read. */
export class InputChunks implements AsyncIterableIterator<Uint8Array> {
  private readonly window = new ReceiveWindow();
  private waiting: Uint8Array[] = [];
  private reader: Deferred<IteratorResult<Uint8Array, undefined>> | undefined;
  private ended = false;
  private error: DcfError | undefined;

  /** @param grant - tells the daemon that it may send this many more bytes */
  constructor(private readonly grant: (bytes: number) => void) {}

  /** Adds a chunk that has come. */
  push(chunk: Uint8Array): void {
    if (this.ended) return;
    this.window.receive(chunk.length);
    if (this.reader === undefined) {
      this.waiting.push(chunk);
      return;
    }
    const { reader } = this;
    this.reader = undefined;
    reader.resolve(this.handOut(chunk));
  }

  /** Ends the input: no more chunks come. */
  end(): void {
    this.ended = true;
    this.reader?.resolve(over);
    this.reader = undefined;
  }

  /** Ends the input with an error, which its reader gets in place of the next chunk. */
  fail(error: DcfError): void {
    this.error ??= error;
    this.waiting = [];
    this.reader?.reject(this.error);
    this.end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.waiting.shift();
    if (chunk !== undefined) return this.handOut(chunk);
    if (this.error !== undefined) throw this.error;
    if (this.ended) return over;
    if (this.reader !== undefined)
      throw new DcfError('INTERNAL', 'the Handler asked request.chunks for a chunk while it still waits for another: read one at a time');
    this.reader = defer();
    return await this.reader.promise;
  }

  /** Called when the reader stops early: the daemon is not asked for more chunks, and those that still come are dropped. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.waiting = [];
    this.end();
    return over;
  }

  private handOut(chunk: Uint8Array): IteratorResult<Uint8Array, undefined> {
    const bytes = this.window.take(chunk.length);
    if (bytes > 0) this.grant(bytes);
    return { done: false, value: chunk };
  }
}
