import type { Finding } from './harness/finding.js';
import type { Scope } from './harness/scope.js';

/** One part of `npm run bench`. */
export interface Benchmark {
  name: string;
  title: string;
  /** Whether it knows a quick run. */
  canBeQuick?: true;
  /** Everything that it starts ends with the scope. */
  run: (scope: Scope, effort: Effort) => Promise<Finding[]>;
}

/** How much is measured. */
export interface Effort {
  /** Few rounds of few calls: to see that it runs, or that a large difference is there. */
  quick: boolean;
}
