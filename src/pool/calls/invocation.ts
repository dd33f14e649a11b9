import type { DaemonReport } from '@dcf/sdk/contract';
import type { DcfError } from '../../core/errors.js';
import { codeOfHttpStatus } from '../../core/http-status.js';
import type { ReplyHead, ReplyKind } from '../../wire/reply-head.js';
import type { AwaitedCall } from './deadlock.js';

export type { ReplyHead, ReplyKind } from '../../wire/reply-head.js';

/** Output bytes of a worker: of a whole answer, or of one chunk. */
export interface Output {
  output: Uint8Array;
  kind: ReplyKind;
  /** Number of free bytes in front of the output, in the same memory: an envelope can be written there without a copy. */
  headroom: number;
  /** Lets the memory of the output be used for another one. Optional; only for a caller that will not read the output again. */
  release: (output: Uint8Array) => void;
}

/** A call that was answered. For a stream the output is empty, as it has come in chunks before. */
export interface Success extends Output {
  ok: true;
  /** Status and headers that the Handler chose, if it did. The caller of a stream got them before the first chunk. */
  head?: ReplyHead | undefined;
}

/** How a call ended. */
export type Outcome = Success | { readonly ok: false; readonly error: DcfError };

/** Whether a call counts as failed: it ended with an error, or its Handler answered with an HTTP status of 500 or above. */
export function hasFailed(outcome: Outcome): boolean {
  return !outcome.ok || (outcome.head !== undefined && outcome.head.status >= 500);
}

/** How a call ended, for logs: its gRPC status, such as `OK`, and the HTTP status if the Handler chose one. */
export function statusText(outcome: Outcome): string {
  if (!outcome.ok) return outcome.error.code;
  const { status = 200 } = outcome.head ?? {};
  return status === 200 ? 'OK' : `${status >= 400 ? codeOfHttpStatus(status) : 'OK'} http=${status}`;
}

/** What is known of a call that has ended. Times are in milliseconds, memory in bytes. */
export type CallReport = Omit<DaemonReport, 'id'>;

/** Makes the report of a call on demand: most callers need none. */
export interface Reported {
  report(): CallReport;
}

/** The call that a nested call is made for: the part of it that the nested call uses. */
export interface ParentCall {
  readonly function: string;
  readonly invocation: Invocation;
  /** What is left of its deadline, in milliseconds. */
  readonly remainingMs: number;
}

/** A call that another call waits for, and that can be given up. */
export interface CancellableCall extends AwaitedCall {
  cancel(error?: DcfError): void;
}

/** Where a nested call comes from. */
export interface CallOrigin {
  /** The call that it is made for. */
  readonly parent: ParentCall;
  /** To be called when the pool of the other function has accepted the nested call as `call`. */
  accepted(call: CancellableCall): void;
}

/** One call, independent of any transport. */
export interface Invocation {
  readonly requestId: string;
  /** The alias or the revision that the caller named. */
  readonly selector: string | undefined;
  readonly input: Uint8Array;
  /** Milliseconds that the caller waits at most, from now; `Infinity` when it said nothing. */
  readonly timeoutMs: number;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** The query of the URL, without its "?". */
  readonly query?: string | undefined;
  /** The media type of the input, as the caller states it. */
  readonly contentType?: string | undefined;
  /** Set for a nested call; missing for a call from outside. */
  readonly origin?: CallOrigin | undefined;
  /** Called exactly once, with how the call ended. `reported.report()` has to be called before this returns. */
  readonly settle: (outcome: Outcome, reported: Reported) => void;
  /**
   * Set when the caller takes an output in chunks as well as a whole one. Called when the first chunk is there; the call is a
   * stream from then on.
   */
  readonly onChunks?: ((stream: StreamedCall) => StreamCaller) | undefined;
}

/** What the caller of a streamed call is told. Nothing is called after the call is settled. */
export interface StreamCaller {
  /** Status and headers of the answer: called before the first chunk, and only if the Handler chose them. */
  head(head: ReplyHead): void;
  /** A chunk of the output. The call is settled only after `StreamedCall.taken` was called for each chunk. */
  chunk(chunk: Output): void;
  /** There is credit for input again, after `StreamedCall.write` has returned false. */
  room(): void;
}

/** A call whose output comes in chunks, and perhaps its input, too. */
export interface StreamInvocation extends Invocation {
  /** Whether the input comes in chunks, too; otherwise `input` is all of it. */
  readonly chunked: boolean;
  readonly caller: StreamCaller;
}

/** What the caller of a streamed call can do with it. No method throws; after the call is settled none does anything. */
export interface StreamedCall {
  /** Hands on a chunk of the input. When it returns false, the caller has to wait for `StreamCaller.room` before the next chunk. */
  write(chunk: Uint8Array): boolean;
  /** The input is complete. */
  end(): void;
  /** The caller's transport has taken a chunk of `length` bytes. */
  taken(length: number): void;
  /** Gives the call up: it is settled with `error`. @default a DcfError CANCELLED */
  cancel(error?: DcfError): void;
}
