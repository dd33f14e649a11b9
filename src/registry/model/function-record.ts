import type { FunctionName } from '../../core/names.js';
import type { Release } from './release.js';
import type { Revision } from './revision.js';

/** A function that is deployed. */
export interface FunctionRecord extends Omit<Release, 'active'> {
  readonly name: FunctionName;
  readonly active: Revision;
  /** The one that was activated last stands last. */
  readonly revisions: readonly Revision[];
}

/** Which revisions of a function get which calls. */
export function releaseOf({ active, aliases, traffic, history, scale, maxErrorRate, canaryStop }: FunctionRecord): Release {
  return { active: active.id, aliases, traffic, history, scale, maxErrorRate, canaryStop };
}

/** A function that is on disk but cannot be loaded. */
export interface DamagedFunction {
  readonly name: FunctionName;
  readonly problem: string;
}
