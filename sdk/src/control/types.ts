/** The progress of a deploy or of another change. */
export type DeployProgress =
  /** A step has begun or is done: receive, prepare, drain, start, switch. */
  | { kind: 'step'; name: string; done: boolean; detail: string }
  /** Bytes sent, of all bytes of the blobs that the daemon did not have. */
  | { kind: 'upload'; sent: number; total: number }
  /** A line of output of an installer or the Handler. */
  | { kind: 'output'; line: string }
  | { kind: 'warning'; text: string }
  /** The Handler's own stack; the deploy then fails. */
  | { kind: 'stack'; stack: string }
  /** The id of the revision that is being deployed. With it, the log can be read whether the deploy succeeds or not. */
  | { kind: 'revision'; revision: string };

/** The result of a deploy, or of another change of the revisions that get calls. */
export interface DeployResult {
  function: string;
  /** The revision that was deployed; for a change without a deploy, the active one. */
  revision: string;
  /** Whether anything has changed; false if everything was as asked already. */
  changed: boolean;
}

/** Which calls a deployed revision gets. By default it becomes the active revision, and gets all calls that name no revision. */
export interface Rollout {
  /** An alias to point at the revision. @default none */
  alias?: string | undefined;
  /** Percentage of the calls that name no revision, 0 to 100; the active revision keeps the rest. @default 100 */
  traffic?: number | undefined;
  /** The revision loses its share of the calls when more than this percentage of them fail. @default no limit */
  maxErrorRate?: number | undefined;
}

/** A revision's share: its part of the calls that name no revision. */
export interface TrafficTarget {
  /** A revision, or an alias, which stands for the revision that it names now. */
  target: string;
  /** 0 to 100. */
  percent: number;
}

/** Bounds for the number of replicas of a revision. A bound that is left out stays as it is. */
export interface ScaleBounds {
  min?: number | undefined;
  max?: number | undefined;
}

/** Which entries of a log to read. */
export interface LogsQuery {
  /** The function's name. */
  name: string;
  /** Whether to go on with entries as they are written. @default false */
  follow?: boolean;
  /** The time of the oldest entry, in Unix milliseconds. @default no limit */
  since?: number;
  /** The id of the call whose entries are wanted. @default all entries */
  callId?: string;
  /** The id of a revision, its beginning, or an alias; also of a revision whose deploy failed. @default all revisions */
  revision?: string;
  /** The number of entries to begin with, the newest ones; 0 with `follow` for new entries only. @default all entries */
  tail?: number;
}
