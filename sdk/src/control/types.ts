/** What a deploy tells while it goes on. */
export type DeployProgress =
  /** A step has begun or is done: receive, prepare, start, switch, drain. */
  | { kind: 'step'; name: string; done: boolean; detail: string }
  /** Bytes of the blobs that the daemon did not have. */
  | { kind: 'upload'; sent: number; total: number }
  /** A line of an installer's or the Handler's output. */
  | { kind: 'output'; line: string }
  | { kind: 'warning'; text: string }
  /** The Handler's own stack; the deploy then fails. */
  | { kind: 'stack'; stack: string };

export interface DeployResult {
  function: string;
  revision: string;
  /** false: this very package was active already, and nothing changed. */
  changed: boolean;
}

export interface LogsQuery {
  name: string;
  follow?: boolean;
  /** Unix milliseconds. */
  since?: number;
  callId?: string;
  /** At most this many of the newest entries first. */
  tail?: number;
}
