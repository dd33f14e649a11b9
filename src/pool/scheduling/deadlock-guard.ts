import { startTimer } from '../../core/deadline.js';
import { DcfError } from '../../core/errors.js';
import type { Call } from '../calls/call.js';
import { findDeadlock, type SlotOwner, type Wait } from '../calls/deadlock.js';
import type { ReplicaSet } from '../replica/replica-set.js';
import type { Dispatcher } from './dispatcher.js';
import type { Scaler } from './scaler.js';

/** Milliseconds between two searches while nested calls wait. Most deadlocks are found when a call comes; few arise later. */
const searchIntervalMs = 100;
const maxWaitsShown = 8;

export interface DeadlockGuardOptions {
  function: string;
  replicas: Pick<ReplicaSet, 'replicas' | 'expectsReplica'>;
  scaler: Pick<Scaler, 'canGrow' | 'grow'>;
  queue: Pick<Dispatcher, 'lastNested' | 'remove' | 'hasFreeSlot'>;
  /** Whether the pool's replicas end to make room for others, which start afterwards. */
  isSuspended: () => boolean;
}

/** The slots of a pool. Fails a nested call when a slot for it could only come from calls that wait for it. */
export class DeadlockGuard implements SlotOwner {
  private cancelTimer: (() => void) | undefined;

  constructor(private readonly options: DeadlockGuardOptions) {}

  get function(): string {
    return this.options.function;
  }

  get canGainSlots(): boolean {
    return this.gainsSlots || this.options.scaler.canGrow;
  }

  *holders(): Iterable<Call> {
    for (const { phase, workers } of this.options.replicas.replicas) {
      for (const worker of workers) {
        // A settled call of a condemned replica ends only when the replica is killed, after its other calls: it frees no slot for them.
        for (const call of worker.holders()) if (!call.settled || phase !== 'condemned') yield call;
      }
    }
  }

  /** To be called when a nested call has to wait: searches for a deadlock, and fails nested calls until there is none. */
  check(): void {
    this.stop();
    const { queue, scaler } = this.options;
    for (let call = queue.lastNested; call !== undefined; call = queue.lastNested) {
      const waits = this.gainsSlots ? undefined : findDeadlock(this);
      // Another replica resolves the deadlock. The scaler does not start it by itself: it counts the calls, and not which of them can run.
      if (waits === undefined || scaler.grow()) {
        this.cancelTimer = startTimer(searchIntervalMs, () => this.check());
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

  /** Whether a slot is free, or a replica with free slots is starting. */
  private get gainsSlots(): boolean {
    const { replicas, queue, isSuspended } = this.options;
    if (isSuspended()) return !replicas.replicas.some(({ running }) => running > 0);
    return queue.hasFreeSlot || replicas.expectsReplica;
  }

  private refusal(waits: readonly Wait[]): DcfError {
    const shown = waits.slice(0, maxWaitsShown).map(({ from, to }) => `${from} waits for ${to}`);
    const who = shown.join(', ') + (waits.length > maxWaitsShown ? ', …' : '');
    const what = `deadlock: every slot is held by a call that waits, directly or through other calls, for a slot (${who})`;
    const advice = `give ${this.function} more slots (replicas.max, threads, concurrency), or avoid calls in a circle`;
    return new DcfError('ABORTED', `${what}; ${advice}`);
  }
}
