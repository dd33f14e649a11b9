import type { DaemonReport } from '@dcf/sdk/contract';
import type { DcfError } from '../../core/errors.js';
import { codeOfHttpStatus } from '../../core/http-status.js';
import type { ReplyHead, ReplyKind } from '../../wire/reply-head.js';
import type { AwaitedCall } from './deadlock.js';

export type { ReplyHead, ReplyKind } from '../../wire/reply-head.js';

/** Bytes that a worker has put out. */
export interface Output {
  output: Uint8Array;
  kind: ReplyKind;
  /** Number of bytes in front of the output, in the same memory, that are free for an envelope around it. */
  headroom: number;
  /** May be called with the output by who will not read it again; its memory is then used for another. */
  release: (output: Uint8Array) => void;
}

/** A call that was answered. The output of a stream has come in chunks before. */
export interface Success extends Output {
  ok: true;
  /** What the Handler chose for its answer, where it did; a stream's caller has been told before. */
  head?: ReplyHead | undefined;
}

/** How a call ended. */
export type Outcome = Success | { ok: false; error: DcfError };

/** Whether a call counts as failed: also one that its Handler answered with a status of 500 or above. */
export function hasFailed(outcome: Outcome): boolean {
  return !outcome.ok || (outcome.head !== undefined && outcome.head.status >= 500);
}

/** How a call ended, in few words: its gRPC status, such as `OK`, and the HTTP status where the Handler chose one. */
export function statusText(outcome: Outcome): string {
  if (!outcome.ok) return outcome.error.code;
  const { status = 200 } = outcome.head ?? {};
  return status === 200 ? 'OK' : `${status >= 400 ? codeOfHttpStatus(status) : 'OK'} http=${status}`;
}

/** What is known of a call that has ended. Times are in milliseconds, memory in bytes. */
export type CallReport = Omit<DaemonReport, 'id'>;

/** Tells of a call that has ended; made only when it is asked for. */
export interface Reported {
  report(): CallReport;
}

/** A call, as the calls know it that its Handler makes. */
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

/** Where a call comes from that a Handler makes. */
export interface CallOrigin {
  /** The call that it is made for. */
  readonly parent: ParentCall;
  /** The pool of the other function has accepted it as `call`. */
  accepted(call: CancellableCall): void;
}

/** One call, free of any transport. */
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
  /** What the caller says that the input is. */
  readonly contentType?: string | undefined;
  /** What it has of the Handler that makes it; missing where it comes from outside. */
  readonly origin?: CallOrigin | undefined;
  /** Called exactly once. The report is to be asked for before it returns. */
  readonly settle: (outcome: Outcome, reported: Reported) => void;
  /**
   * Where the caller takes an output in chunks as well as at once: called when the first chunk is there. The call is a stream
   * from then on.
   */
  readonly onChunks?: ((stream: StreamedCall) => StreamCaller) | undefined;
}

/** The side of a streamed call that its caller is on. None of it is called once the call is settled. */
export interface StreamCaller {
  /** What the Handler chose for its answer; before the first chunk, and only where it chose something. */
  head(head: ReplyHead): void;
  /** A chunk of the output has come. The call goes on for as long as `taken` is not told of each. */
  chunk(chunk: Output): void;
  /** There is room for input again. */
  room(): void;
}

/** A call whose output comes in chunks, and whose input may. */
export interface StreamInvocation extends Invocation {
  /** Whether the input comes in chunks, too; otherwise `input` is all of it. */
  readonly chunked: boolean;
  readonly caller: StreamCaller;
}

/** What the caller of a streamed call does with it. Nothing of it throws; once the call is settled it does nothing. */
export interface StreamedCall {
  /** Hands on a chunk of the input. When it returns false, `room` has to be waited for before the next. */
  write(chunk: Uint8Array): boolean;
  /** The input is over. */
  end(): void;
  /** A chunk of so many bytes has gone out to the caller. */
  taken(length: number): void;
  /** Gives the call up: it is settled with this error, CANCELLED otherwise. */
  cancel(error?: DcfError): void;
}
