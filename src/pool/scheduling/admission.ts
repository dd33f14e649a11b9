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

/** What a caller is told to wait when the queue is full, in milliseconds. */
const queueFullPauseMs = 100;

/** Which calls a pool takes, and what it tells the others. */
export class Admission {
  /** Nothing new is taken. */
  draining = false;
  /** The replicas end to make room for others; calls are taken all the same, and wait. */
  suspended = false;

  private readonly notReady: string;

  constructor(private readonly options: AdmissionOptions) {
    this.notReady = `${options.function} is not ready`;
  }

  /**
   * Why a call is not taken; `undefined` when it is.
   *
   * @param worker - the one that it can be given to at once
   */
  refusal(call: Call, worker: PoolWorker | undefined): DcfError | undefined {
    if (this.draining) return this.stopped();
    return worker === undefined ? (this.hopeless() ?? this.queueFull(call)) : undefined;
  }

  /** Why no replica will take a call for a good while; `undefined` when one is ready or soon may be. */
  hopeless(): DcfError | undefined {
    const { pauseMs, initError, lastFailure, readyCount } = this.options.replicas;
    if (readyCount > 0 || this.suspended) return undefined;
    if (initError !== undefined) return new DcfError('FAILED_PRECONDITION', `${this.notReady}: ${initError.message}`);
    if (pauseMs === 0) return undefined;
    const message = `${this.notReady}: ${lastFailure?.text ?? 'its replicas ended'}; it is tried again in ${formatDuration(pauseMs)}`;
    return notStarted(message, { retryAfterMs: Math.ceil(pauseMs) });
  }

  /** For a call to a pool that has stopped, or stops. */
  stopped(): DcfError {
    return notStarted(`${this.options.function} is being stopped and takes no new calls`);
  }

  /** For a call that waits in a suspended pool which runs nothing more. */
  replaced(): DcfError {
    const { function: name, revision } = this.options;
    return new DcfError('NOT_FOUND', `the revision ${revision} of ${name} was replaced while the call waited for it, and runs no more`);
  }

  /** Calls from outside leave nested ones their room: those belong to calls that were accepted before. */
  private queueFull(call: Call): DcfError | undefined {
    const { maxQueued, queue } = this.options;
    const queued = call.isNested ? queue.queuedNested : queue.queued;
    if (queued < maxQueued + queue.extraRoom) return undefined;
    return new DcfError('RESOURCE_EXHAUSTED', `the queue of ${this.options.function} is full: ${maxQueued} calls wait`, {
      retryAfterMs: queueFullPauseMs,
    });
  }
}
