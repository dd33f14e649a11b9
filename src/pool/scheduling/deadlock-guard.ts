import { startTimer } from '../../core/deadline.js';
import { DcfError } from '../../core/errors.js';
import type { Call } from '../calls/call.js';
import { type SlotOwner, standstill, type Wait } from '../calls/deadlock.js';
import type { ReplicaSet } from '../replica/replica-set.js';
import type { Dispatcher } from './dispatcher.js';
import type { Scaler } from './scaler.js';

/** How soon it is looked again at what nested calls wait for: most standstills are seen when a call comes, and few begin later. */
const lookAgainMs = 100;
const maxWaitsShown = 8;

export interface DeadlockGuardOptions {
  function: string;
  replicas: Pick<ReplicaSet, 'replicas' | 'expectsReplica'>;
  scaler: Pick<Scaler, 'canGrow' | 'grow'>;
  queue: Pick<Dispatcher, 'lastNested' | 'remove' | 'hasFreeSlot'>;
  /** Whether its replicas end to make room for others, that come then. */
  isSuspended: () => boolean;
}

/** The slots of a pool. It sees to it that no nested call waits for one that only calls waiting for it can free. */
export class DeadlockGuard implements SlotOwner {
  private cancelTimer: (() => void) | undefined;

  constructor(private readonly options: DeadlockGuardOptions) {}

  get function(): string {
    return this.options.function;
  }

  get canGainSlots(): boolean {
    return this.gains || this.options.scaler.canGrow;
  }

  *holders(): Iterable<Call> {
    for (const { phase, workers } of this.options.replicas.replicas) {
      for (const worker of workers) {
        // Only the end of the others brings that of a call on which its replica was condemned.
        for (const call of worker.holders()) if (!call.settled || phase !== 'condemned') yield call;
      }
    }
  }

  /** To be called when a nested call has to wait here: where that would be for ever, one fails. */
  look(): void {
    this.stop();
    const { queue, scaler } = this.options;
    for (let call = queue.lastNested; call !== undefined; call = queue.lastNested) {
      const waits = this.gains ? undefined : standstill(this);
      // More load than there seems to be: calls that wait for each other do not run, however many fit one replica.
      if (waits === undefined || scaler.grow()) {
        this.cancelTimer = startTimer(lookAgainMs, () => this.look());
        return;
      }
      queue.remove(call);
      call.fail(this.refusal(waits));
    }
  }

  stop(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }

  /** Whether a slot is free, or a replica comes that brings some. */
  private get gains(): boolean {
    const { replicas, queue, isSuspended } = this.options;
    if (isSuspended()) return !replicas.replicas.some(({ running }) => running > 0);
    return queue.hasFreeSlot || replicas.expectsReplica;
  }

  private refusal(waits: readonly Wait[]): DcfError {
    const shown = waits.slice(0, maxWaitsShown).map(({ from, to }) => `${from} waits for ${to}`);
    const who = shown.join(', ') + (waits.length > maxWaitsShown ? ', …' : '');
    const what = `every slot is held by a call that waits, by way of others or at once, for one (${who})`;
    const advice = `give ${this.function} more slots (replicas.max, threads, concurrency), or do not call it in a circle`;
    return new DcfError('ABORTED', `${what}; ${advice}`);
  }
}
