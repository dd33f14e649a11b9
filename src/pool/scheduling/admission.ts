import { formatDuration } from '@dcf/sdk/units';
import { DcfError, notStarted } from '../../core/errors.js';
import type { Call } from '../calls/call.js';
import type { PoolWorker } from '../replica/pool-events.js';
import type { ReplicaSet } from '../replica/replica-set.js';
import type { Dispatcher } from './dispatcher.js';

export interface AdmissionOptions {
  function: string;
  revision: string;
  maxQueued: number;
  replicas: Pick<ReplicaSet, 'pauseMs' | 'initError' | 'lastFailure' | 'readyCount'>;
  queue: Pick<Dispatcher, 'queued' | 'queuedNested' | 'extraRoom'>;
}

/** After how many milliseconds a caller is told to try again when the queue is full. */
const queueFullPauseMs = 100;

/** Decides which calls a pool accepts, and why it refuses the others. */
export class Admission {
  /** Whether new calls are refused because the pool stops. */
  draining = false;
  /** Whether the replicas end to make room for others; calls are accepted all the same, and wait. */
  suspended = false;

  private readonly notReady: string;

  constructor(private readonly options: AdmissionOptions) {
    this.notReady = `${options.function} is not ready`;
  }

  /**
   * Why a call is refused; `undefined` when it is accepted.
   *
   * @param worker - the worker that it can be given to at once, if there is one
   */
  refusal(call: Call, worker: PoolWorker | undefined): DcfError | undefined {
    if (this.draining) return this.stopped();
    return worker === undefined ? (this.unavailable() ?? this.queueFull(call)) : undefined;
  }

  /** Why no replica will take a call for a long time; `undefined` when one is ready or may soon be. */
  unavailable(): DcfError | undefined {
    const { pauseMs, initError, lastFailure, readyCount } = this.options.replicas;
    if (readyCount > 0 || this.suspended) return undefined;
    if (initError !== undefined) return new DcfError('FAILED_PRECONDITION', `${this.notReady}: ${initError.message}`);
    if (pauseMs === 0) return undefined;
    const message = `${this.notReady}: ${lastFailure?.text ?? 'its replicas ended'}; the next start is tried in ${formatDuration(pauseMs)}`;
    return notStarted(message, { retryAfterMs: Math.ceil(pauseMs) });
  }

  /** The error for a call to a pool that has stopped, or stops. */
  stopped(): DcfError {
    return notStarted(`${this.options.function} is being stopped and takes no new calls`);
  }

  /** The error for a call that waits in a suspended pool, whose revision does not run any more. */
  replaced(): DcfError {
    const { function: name, revision } = this.options;
    const message = `revision ${revision} of ${name} was replaced while the call waited for it, and no longer runs`;
    return new DcfError('NOT_FOUND', `${message}: name another revision, or none`);
  }

  /** Nested calls have as much room in the queue again: they belong to calls that were accepted before. */
  private queueFull(call: Call): DcfError | undefined {
    const { maxQueued, queue } = this.options;
    const queued = call.isNested ? queue.queuedNested : queue.queued;
    if (queued < maxQueued + queue.extraRoom) return undefined;
    return new DcfError('RESOURCE_EXHAUSTED', `the queue of ${this.options.function} is full: ${maxQueued} calls wait`, {
      retryAfterMs: queueFullPauseMs,
    });
  }
}
