import type { MemoryUse } from '../../process/memory-watch.js';
import type { LogLine } from '../output/log-line.js';
import type { KillReason } from './end-reason.js';
import type { PoolWorker } from './pool-events.js';

/** The replica that a worker is part of, as the worker sees it. */
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
  /** The worker is fit for the calls that it runs, but should be replaced. */
  workerRetires(why: string): void;
  /** A call was answered, or nobody waits for it any more. */
  callEnded(): void;
  condemn(reason: KillReason, graceMs: number): void;
  /** The worker's stream is over: in order (`undefined`), or with what broke it. */
  streamClosed(worker: PoolWorker, error: Error | undefined): void;
}
