import type { FunctionName } from '../core/names.js';
import type { FunctionState } from './function-state.js';
import type { Revision } from './revision.js';

/** A function that is deployed. */
export interface FunctionRecord extends Omit<FunctionState, 'active' | 'revisions'> {
  readonly name: FunctionName;
  readonly active: Revision;
  /** The one that was activated last stands last. */
  readonly revisions: readonly Revision[];
}

/** A function that is on disk but cannot be loaded. */
export interface DamagedFunction {
  readonly name: FunctionName;
  readonly problem: string;
}
