import type { DaemonReport } from '@dcf/sdk/contract';
import type { DcfError } from '../core/errors.js';
import type { NestedCall } from './nested-call.js';

/** A call that was answered. */
export interface Success {
  ok: true;
  output: Uint8Array;
  /** So many bytes in front of the output, in the same memory, are free for an envelope around it. */
  headroom: number;
  /** May be called with the output by who will not read it again; its memory is then used for another. */
  release: (output: Uint8Array) => void;
}

/** How a call ended. */
export type Outcome = Success | { ok: false; error: DcfError };

/** What is known of a call that has ended. Times are in milliseconds, memory in bytes. */
export type CallReport = Omit<DaemonReport, 'id'>;

/** Tells of a call that has ended; made only when it is asked for. */
export interface Reported {
  report(): CallReport;
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
  /** The call of a Handler that it is; missing where it comes from outside. */
  readonly origin?: NestedCall | undefined;
  /** Called exactly once. The report is to be asked for before it returns. */
  readonly settle: (outcome: Outcome, reported: Reported) => void;
}
