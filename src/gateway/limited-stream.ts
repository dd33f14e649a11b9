import type { Target } from '../control/router.js';
import { DcfError } from '../core/errors.js';
import type { Output, StreamCaller, StreamedCall } from '../pool/invocation.js';
import type { ByteBudget } from './byte-budget.js';
import { checkPayload } from './payload.js';

/** What may be on the way in either direction of a stream (docs/worker-protocol.md); a longer chunk counts by itself. */
const windowBytes = 256 * 1024;
/** What a stream takes of the byte budget for as long as it goes on. */
export const streamBytes = 2 * windowBytes;

/** The caller's side of a call that was refused. */
export const noStream: StreamedCall = { write: () => false, end: () => undefined, taken: () => undefined, cancel: () => undefined };

/** Holds the input of a streamed call to the function's limit and to the byte budget; a chunk that breaks one ends the call. */
export class LimitedStream implements StreamedCall, StreamCaller {
  /** The call itself, once a pool has it. */
  stream = noStream;
  /** What long chunks on their way to the worker take of the budget. */
  private held = 0;

  constructor(
    private readonly caller: StreamCaller,
    private readonly budget: ByteBudget,
    private readonly target: Target,
  ) {}

  write(chunk: Uint8Array): boolean {
    try {
      checkPayload(chunk, 'chunk', this.target);
      if (chunk.length > windowBytes) this.hold(chunk.length);
    } catch (error) {
      this.stream.cancel(DcfError.from(error, 'INTERNAL'));
      return false;
    }
    return this.stream.write(chunk);
  }

  end(): void {
    this.stream.end();
  }

  taken(length: number): void {
    this.stream.taken(length);
  }

  cancel(error?: DcfError): void {
    this.stream.cancel(error);
  }

  chunk(chunk: Output): void {
    this.caller.chunk(chunk);
  }

  room(): void {
    this.close();
    this.caller.room();
  }

  /** Gives back what it holds of the budget. */
  close(): void {
    this.budget.give(this.held);
    this.held = 0;
  }

  private hold(length: number): void {
    this.budget.take(length);
    this.held += length;
  }
}
