import { performance } from 'node:perf_hooks';
import { DcfError } from '../../core/errors.js';
import { type Deferred, defer } from '../../core/promises.js';
import { SendCredit } from '../../wire/credit.js';
import { chunkBytes } from './reply.js';

type Source = AsyncIterator<unknown> | Iterator<unknown>;

/** Where the chunks of a reply go. */
export interface ChunkSink {
  send: (chunk: Uint8Array) => void;
  /** Writes what was sent without waiting for the turn's end. */
  flush: () => void;
}

/** A step of a Handler that takes less, in milliseconds, is quick; after so many quick ones the next is likely to be, too. */
const quickMs = 0.05;
const quickSteps = 16;

/**
 * A reply that is made in chunks, from the Handler's iterator to the daemon, no faster than the daemon takes them.
 *
 * A step of the Handler may block the thread for long, so each chunk is written before the next step; only while the steps are
 * quick, chunks are gathered.
 */
export class OutputChunks {
  private readonly credit = new SendCredit();
  private waiting: Deferred<void> | undefined;
  private cancelled: DcfError | undefined;
  private closing: Promise<void> | undefined;
  private done = false;

  constructor(
    private readonly source: Source,
    /** Bytes of one chunk. */
    private readonly maxChunk: number,
  ) {}

  /** Runs it to its end. Rejects with what the Handler throws, or with why it was cancelled. */
  async sendTo({ send, flush }: ChunkSink): Promise<void> {
    let quick = 0;
    for (;;) {
      if (!this.credit.open) await this.untilGranted();
      await this.throwIfCancelled();
      const began = performance.now();
      const chunk = await this.step();
      if (chunk === undefined) return;
      if (this.closing !== undefined) continue;
      this.credit.spend(chunk.length);
      send(chunk);
      quick = performance.now() - began < quickMs ? quick + 1 : 0;
      if (quick < quickSteps) flush();
    }
  }

  /** Runs it to its end and resolves with all chunks joined. Rejects as `sendTo` does, and when they are longer than one may be. */
  async join(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      await this.throwIfCancelled();
      const chunk = await this.step();
      if (chunk === undefined) return Buffer.concat(chunks, length);
      chunks.push(chunk);
      length += chunk.length;
      if (length <= this.maxChunk) continue;
      await this.close();
      throw new DcfError(
        'RESOURCE_EXHAUSTED',
        `the chunks of the reply have more than limits.payload, ${this.maxChunk} bytes, together; a streamed call may take them one by one`,
      );
    }
  }

  /** The daemon takes so many bytes more. */
  grant(bytes: number): void {
    this.credit.grant(bytes);
    if (!this.credit.open) return;
    this.waiting?.resolve();
    this.waiting = undefined;
  }

  /** Nobody waits for it any more: ends the wait for credit, and the Handler's iterator, which may be in the midst of a step. */
  cancel(reason: DcfError): void {
    if (this.cancelled !== undefined || this.done) return;
    this.cancelled = reason;
    this.waiting?.resolve();
    this.waiting = undefined;
    this.closing = this.close().catch(() => undefined);
  }

  /** The next chunk; `undefined` after the last. */
  private async step(): Promise<Uint8Array | undefined> {
    let result: IteratorResult<unknown>;
    try {
      result = await this.source.next();
    } catch (error) {
      this.done = true;
      throw error;
    }
    if (result.done === true) {
      this.done = true;
      return undefined;
    }
    try {
      const chunk = chunkBytes(result.value);
      if (chunk.length <= this.maxChunk) return chunk;
      throw new DcfError('RESOURCE_EXHAUSTED', `a chunk of the reply has ${chunk.length} bytes; limits.payload is ${this.maxChunk}`);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  private async throwIfCancelled(): Promise<void> {
    if (this.cancelled === undefined) return;
    // The slot is free only when the Handler has cleaned up.
    await this.closing;
    throw this.cancelled;
  }

  private async close(): Promise<void> {
    this.done = true;
    await this.source.return?.();
  }

  private async untilGranted(): Promise<void> {
    if (this.cancelled !== undefined) return;
    this.waiting = defer();
    await this.waiting.promise;
  }
}
