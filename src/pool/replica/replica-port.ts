import type { MemoryUse } from '../../process/memory-watch.js';
import type { LogLine } from '../output/log-line.js';
import type { KillReason } from './end-reason.js';
import type { PoolWorker } from './pool-events.js';

/** The part of a replica that its workers use. */
export interface ReplicaPort {
  readonly id: number;
  readonly memory: MemoryUse;
  /** Whether a call may ever be sent ahead of the slot that it will need. */
  readonly sendsAhead: boolean;
  /** Whether the log takes one more line of a Handler; a line that it does not take is counted. */
  takesLine(): boolean;
  /** A Handler has written a line. */
  log(line: LogLine): void;
  /** The worker's Handler is built. */
  workerReady(worker: PoolWorker): void;
  /** The worker's Handler could not be built. */
  initFailed(message: string, stack: string): void;
  /** The worker can finish the calls that it runs, but asks to be replaced. */
  workerRetires(why: string): void;
  /** A call was answered, or nobody waits for it any more. */
  callEnded(): void;
  condemn(reason: KillReason, graceMs: number): void;
  /** The worker's stream has ended: regularly, or with the error that broke it. */
  streamClosed(worker: PoolWorker, error: Error | undefined): void;
}
