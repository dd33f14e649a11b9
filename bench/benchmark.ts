import type { Finding } from './harness/finding.js';
import type { Scope } from './harness/scope.js';

/** One part of `npm run bench`. */
export interface Benchmark {
  name: string;
  title: string;
  /** Everything that it starts ends with the scope. */
  run: (scope: Scope) => Promise<Finding[]>;
}
