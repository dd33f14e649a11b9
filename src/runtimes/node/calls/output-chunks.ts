import { performance } from 'node:perf_hooks';
import { DcfError } from '../../../core/errors.js';
import { type Deferred, defer } from '../../../core/promises.js';
import { SendCredit } from '../../../wire/credit.js';
import type { ReplyKind } from '../../../wire/reply-head.js';
import { type ChunkSource, chunkBytes, kindOf } from './reply.js';

/** Receives the chunks of a reply. */
export interface ChunkSink {
  send: (chunk: Uint8Array, kind: ReplyKind) => void;
  /** Writes what was sent at once, not only at the end of the turn of the event loop. */
  flush: () => void;
}

interface Piece {
  bytes: Uint8Array;
  kind: ReplyKind;
}

/** A step of a Handler that takes less than this many milliseconds is quick. */
const quickMs = 0.05;
/** After this many quick steps the next one is taken to be quick, too. */
const quickSteps = 16;

/**
 * A reply in chunks: reads them from the Handler's iterator and sends them to the daemon, no faster than the daemon accepts them.
 *
 * A step of the Handler may block the thread for a long time, so each chunk is written before the next step. Only while steps are quick,
 * their chunks are gathered and written together.
 */
export class OutputChunks {
  private readonly credit = new SendCredit();
  private waiting: Deferred<void> | undefined;
  private cancelled: DcfError | undefined;
  private closing: Promise<void> | undefined;
  private done = false;
  /** Chunks that `whole` has read, and that `sendTo` has to send first. */
  private readAhead: Promise<Piece | undefined>[] = [];

  constructor(
    private readonly source: ChunkSource,
    /** Most bytes of one chunk. */
    private readonly maxChunk: number,
  ) {}

  /**
   * Resolves with the whole reply if it is one chunk that is there already, as the body of a `Response` that was made of a text or of
   * bytes. Otherwise resolves with `undefined`, and `sendTo` sends all of it. Rejects as `sendTo` does.
   */
  async whole(): Promise<Uint8Array | undefined> {
    const first = await this.step();
    await this.throwIfCancelled();
    if (first === undefined) return nothing;
    const second = this.step();
    const isLast = second.then(
      (piece) => piece === undefined,
      () => false,
    );
    if (await Promise.race([isLast, nextTurn(false)])) return first.bytes;
    this.readAhead = [Promise.resolve(first), second];
    return undefined;
  }

  /** Sends all chunks. Rejects with what the Handler throws, or with the reason for which it was cancelled. */
  async sendTo({ send, flush }: ChunkSink): Promise<void> {
    let quick = 0;
    for (;;) {
      if (!this.credit.open) await this.untilGranted();
      await this.throwIfCancelled();
      const began = performance.now();
      const piece = await (this.readAhead.shift() ?? this.step());
      if (piece === undefined) return;
      if (this.closing !== undefined) continue;
      this.credit.spend(piece.bytes.length);
      send(piece.bytes, piece.kind);
      quick = performance.now() - began < quickMs ? quick + 1 : 0;
      if (quick < quickSteps) flush();
    }
  }

  /** Resolves with all chunks joined. Rejects as `sendTo` does, and with RESOURCE_EXHAUSTED when they are too long together. */
  async join(): Promise<Piece> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let kind: ReplyKind | undefined;
    for (;;) {
      await this.throwIfCancelled();
      const piece = await this.step();
      if (piece === undefined) return { bytes: Buffer.concat(chunks, length), kind: kind ?? 'bytes' };
      kind ??= piece.kind;
      chunks.push(piece.bytes);
      length += piece.bytes.length;
      if (length <= this.maxChunk) continue;
      await this.close();
      throw new DcfError(
        'RESOURCE_EXHAUSTED',
        `the chunks of the reply have more than limits.payload, ${this.maxChunk} bytes, together; a streamed call may take them one by one`,
      );
    }
  }

  /** Adds credit: the daemon accepts this many more bytes. */
  grant(bytes: number): void {
    this.credit.grant(bytes);
    if (!this.credit.open) return;
    this.waiting?.resolve();
    this.waiting = undefined;
  }

  /** Ends the reply, which nobody waits for any more: ends the wait for credit, and the Handler's iterator, which may be within a step. */
  cancel(reason: DcfError): void {
    if (this.cancelled !== undefined || this.done) return;
    this.cancelled = reason;
    this.waiting?.resolve();
    this.waiting = undefined;
    this.closing = this.close().catch(() => undefined);
  }

  /** The next chunk; `undefined` after the last. */
  private async step(): Promise<Piece | undefined> {
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
      if (chunk.length <= this.maxChunk) return { bytes: chunk, kind: kindOf(result.value) };
      throw new DcfError('RESOURCE_EXHAUSTED', `a chunk of the reply has ${chunk.length} bytes; limits.payload is ${this.maxChunk}`);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  private async throwIfCancelled(): Promise<void> {
    if (this.cancelled === undefined) return;
    // The call ends, and its slot becomes free, only after the Handler has cleaned up.
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

const nothing = new Uint8Array(0);

function nextTurn<Value>(value: Value): Promise<Value> {
  return new Promise((resolve) => {
    setImmediate(() => resolve(value));
  });
}
