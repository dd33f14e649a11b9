import type { Target } from '../control/live/router.js';
import { DcfError, PayloadTooLarge } from '../core/errors.js';
import { errorOfHttpStatus, maxStatusMessage } from '../core/http-status.js';
import type { Outcome, Output, ReplyHead, StreamCaller, StreamedCall } from '../pool/calls/invocation.js';
import type { ByteBudget } from './byte-budget.js';

/** What may be on the way in either direction of a stream (docs/worker-protocol.md); a longer chunk counts by itself. */
const windowBytes = 256 * 1024;
/** What a stream takes of the byte budget for as long as it goes on. */
export const streamBytes = 2 * windowBytes;

/** The caller's side of a call that was refused. */
export const noStream: StreamedCall = { write: () => false, end: () => undefined, taken: () => undefined, cancel: () => undefined };

/** The answer of a Handler that chose a status of 400 and above: its body is an error's message. */
interface FailedAnswer {
  head: ReplyHead;
  body: Buffer;
}

/**
 * Holds the input of a streamed call to the function's limit and to the byte budget; a chunk that breaks one ends the call. An
 * answer with a status of 400 and above is an error to its caller, who knows of no HTTP.
 */
export class LimitedStream implements StreamedCall, StreamCaller {
  /** The call itself, once a pool has it. */
  stream = noStream;
  /** What long chunks on their way to the worker take of the budget. */
  private held = 0;
  private failed: FailedAnswer | undefined;

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

  head(head: ReplyHead): void {
    if (head.status >= 400) this.failed = { head, body: Buffer.alloc(0) };
    else this.caller.head(head);
  }

  chunk(chunk: Output): void {
    const { failed } = this;
    if (failed === undefined) {
      this.caller.chunk(chunk);
      return;
    }
    const { output } = chunk;
    const { length } = output;
    failed.body = Buffer.concat([failed.body, output.subarray(0, maxStatusMessage - failed.body.length)]);
    chunk.release(output);
    // Nobody is to wait for the end of a body of which no more is told.
    if (failed.body.length >= maxStatusMessage) this.stream.cancel(errorOf(failed));
    else this.stream.taken(length);
  }

  /** How its caller is told of its end. */
  outcome(outcome: Outcome): Outcome {
    return outcome.ok && this.failed !== undefined ? { ok: false, error: errorOf(this.failed) } : outcome;
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

function errorOf({ head, body }: FailedAnswer): DcfError {
  return errorOfHttpStatus(head.status, head.headers, body);
}

/** Throws a PayloadTooLarge for an input, or a chunk of one, that is over its function's limit. */
export function checkPayload({ length }: Uint8Array, what: 'input' | 'chunk', { name, maxPayload }: Target): void {
  if (length > maxPayload) throw new PayloadTooLarge(`${length} bytes`, name, maxPayload, what);
}
