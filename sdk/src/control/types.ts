/** What a deploy tells while it goes on. */
export type DeployProgress =
  /** A step has begun or is done: receive, prepare, drain, start, switch. */
  | { kind: 'step'; name: string; done: boolean; detail: string }
  /** Bytes of the blobs that the daemon did not have. */
  | { kind: 'upload'; sent: number; total: number }
  /** A line of an installer's or the Handler's output. */
  | { kind: 'output'; line: string }
  | { kind: 'warning'; text: string }
  /** The Handler's own stack; the deploy then fails. */
  | { kind: 'stack'; stack: string }
  /** The id of the revision that is being deployed: its log can be read by it, whether the deploy succeeds or not. */
  | { kind: 'revision'; revision: string };

/** What a deploy, or another change of which revision gets which calls, came to. */
export interface DeployResult {
  function: string;
  /** The one that was deployed; of a change without a deploy, the active one. */
  revision: string;
  /** false: all was so already, and nothing changed. */
  changed: boolean;
}

/** Which calls a revision that is deployed gets; without any of these all that name no revision. */
export interface Rollout {
  /** To be pointed at it. */
  alias?: string | undefined;
  /** Percent of the calls that name no revision, 0 to 100; the active revision keeps the others. */
  traffic?: number | undefined;
  /** Percent of failed calls beyond which it loses its part of them. */
  maxErrorRate?: number | undefined;
}

/** A part of the calls that name no revision. */
export interface TrafficTarget {
  /** A revision, or an alias, which stands for the revision that it names now. */
  target: string;
  percent: number;
}

/** How many replicas a revision has; what is left out stays as it is. */
export interface ScaleBounds {
  min?: number | undefined;
  max?: number | undefined;
}

export interface LogsQuery {
  name: string;
  follow?: boolean;
  /** Unix milliseconds. */
  since?: number;
  callId?: string;
  /** A revision's id, the beginning of it, or an alias; also of a revision whose deploy failed. */
  revision?: string;
  /** At most this many of the newest entries first; with `follow`, 0 is only what comes from now on. */
  tail?: number;
}
