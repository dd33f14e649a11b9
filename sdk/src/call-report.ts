import type { DaemonReport } from './contract/report.js';

/** How a call went. What the daemon would have told is missing when it was not asked, or is of an older version. */
export interface CallReport extends Partial<DaemonReport> {
  /** Milliseconds, from `invoke` to the output, the retries included. */
  totalMs: number;
  /** 1 when the first try did it. Only tries that certainly did not start the call are followed by another. */
  attempts: number;
}
