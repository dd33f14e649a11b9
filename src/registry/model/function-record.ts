import type { FunctionName } from '../../core/names.js';
import type { Release } from './release.js';
import type { Revision } from './revision.js';

/** A deployed function. */
export interface FunctionRecord extends Omit<Release, 'active'> {
  readonly name: FunctionName;
  readonly active: Revision;
  /** The revisions that are kept; the one that was activated last comes last. */
  readonly revisions: readonly Revision[];
}

/** The release of a function: which of its revisions get which calls. */
export function releaseOf({ active, aliases, traffic, history, scale, maxErrorRate, canaryStop }: FunctionRecord): Release {
  return { active: active.id, aliases, traffic, history, scale, maxErrorRate, canaryStop };
}

/** A function that is on disk but cannot be loaded. */
export interface DamagedFunction {
  readonly name: FunctionName;
  /** Why it cannot be loaded, for people. */
  readonly problem: string;
}
