import type { DcfError } from '../core/errors.js';

/** How a call ended. `headroom` bytes in front of the output, in the same memory, are free for an envelope around it. */
export type Outcome = { ok: true; output: Uint8Array; headroom: number } | { ok: false; error: DcfError };

/** One call, free of any transport. */
export interface Invocation {
  readonly requestId: string;
  readonly input: Uint8Array;
  /** Milliseconds that the caller waits at most, from now; `Infinity` when it said nothing. */
  readonly timeoutMs: number;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** Called exactly once. */
  readonly settle: (outcome: Outcome) => void;
}
