import type { DcfError } from '../core/errors.js';

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
export interface CallReport {
  revision: string;
  /** 0 when no replica was given the call. */
  replica: number;
  worker: number;
  /** Until it began to run, or ended without. */
  queueMs: number;
  runMs: number;
  /** Calls that the Handler got at once with it, itself included. */
  batchSize: number;
  /** The execution providers that the Handler's sessions use. */
  providers: readonly string[];
  /** It had to wait for a replica to be started. */
  cold: boolean;
  /** Of the replica: now, and the most that it ever had. */
  memory: number;
  peakMemory: number;
}

/** Tells of a call that has ended; made only when it is asked for. */
export interface Reported {
  report(): CallReport;
}

/** One call, free of any transport. */
export interface Invocation {
  readonly requestId: string;
  readonly input: Uint8Array;
  /** Milliseconds that the caller waits at most, from now; `Infinity` when it said nothing. */
  readonly timeoutMs: number;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** Called exactly once. The report is to be asked for before it returns. */
  readonly settle: (outcome: Outcome, reported: Reported) => void;
}
