import type { Target } from '../control/live/router.js';
import { DcfError, PayloadTooLarge } from '../core/errors.js';
import { errorOfHttpStatus, maxStatusMessage } from '../core/http-status.js';
import type { Outcome, Output, ReplyHead, StreamCaller, StreamedCall } from '../pool/calls/invocation.js';
import type { ByteBudget } from './byte-budget.js';

/** Bytes that may be on their way in each direction of a stream (docs/worker-protocol.md). A longer chunk is counted separately. */
const windowBytes = 256 * 1024;
/** Bytes of the budget that a stream holds from its start to its end. */
export const streamBytes = 2 * windowBytes;

/** A function and the most bytes of an input, or of a chunk of one, that it takes. */
type PayloadLimit = Pick<Target, 'name' | 'maxPayload'>;

/** The caller's side of a call that was refused. */
export const noStream: StreamedCall = { write: () => false, end: () => undefined, taken: () => undefined, cancel: () => undefined };

/** The answer of a Handler that chose a status of 400 or above: its body becomes the message of an error. */
interface FailedAnswer {
  head: ReplyHead;
  body: Buffer;
}

/**
 * Enforces the function's payload limit and the byte budget on the input of a streamed call: a chunk over either ends the call. It also
 * turns an answer with a status of 400 or above into an error, as its callers do not use HTTP.
 */
export class LimitedStream implements StreamedCall, StreamCaller {
  /** The call itself, once a pool has it. */
  stream = noStream;
  /** Bytes of the budget that long chunks on their way to the worker hold. */
  private held = 0;
  private failed: FailedAnswer | undefined;

  constructor(
    private readonly caller: StreamCaller,
    private readonly budget: ByteBudget,
    private readonly target: PayloadLimit,
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
    // The message is complete: the rest of the body would be thrown away.
    if (failed.body.length >= maxStatusMessage) this.stream.cancel(errorOf(failed));
    else this.stream.taken(length);
  }

  /** The outcome as the caller gets it. */
  outcome(outcome: Outcome): Outcome {
    return outcome.ok && this.failed !== undefined ? { ok: false, error: errorOf(this.failed) } : outcome;
  }

  room(): void {
    this.close();
    this.caller.room();
  }

  /** Releases the bytes of the budget that long chunks hold. */
  close(): void {
    this.budget.give(this.held);
    this.held = 0;
  }

  private hold(length: number): void {
    this.budget.take(length, streamBytes + this.held);
    this.held += length;
  }
}

function errorOf({ head, body }: FailedAnswer): DcfError {
  return errorOfHttpStatus(head.status, head.headers, body);
}

/** Throws a PayloadTooLarge if an input, or a chunk of one, is over the limit of its function. */
export function checkPayload({ length }: Uint8Array, what: 'input' | 'chunk', { name, maxPayload }: PayloadLimit): void {
  if (length > maxPayload) throw new PayloadTooLarge(`${length} bytes`, name, maxPayload, what);
}
