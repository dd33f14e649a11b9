import type { OnReadOpts, Socket } from 'node:net';
import type { DcfError } from '../../core/errors.js';
import type { WorkerEnds } from '../../process/spawn.js';
import type { Call } from '../calls/call.js';
import type { PoolEvents, PoolWorker } from './pool-events.js';
import type { ReplicaPort } from './replica-port.js';
import { initHeader, type ReplicaSpec } from './replica-spec.js';
import { Worker } from './worker.js';

/** What the workers are part of. */
export interface WorkersPort extends ReplicaPort {
  readonly devices: readonly string[];
}

/** All workers of one replica: made before its process is there, built at once or one after the other, and ended together. */
export class ReplicaWorkers implements WorkerEnds {
  /** By index. */
  list: readonly Worker[] = [];
  /** Streams that are not over. */
  openStreams = 0;

  constructor(
    private readonly spec: ReplicaSpec,
    private readonly replica: WorkersPort,
    private readonly events: PoolEvents,
  ) {}

  /** Calls that they got, from the first on. */
  get calls(): number {
    return this.list.reduce((sum, worker) => sum + worker.calls, 0);
  }

  get running(): number {
    return this.list.reduce((sum, worker) => sum + worker.running, 0);
  }

  /** Whether a call that somebody waits for has begun and is not answered. */
  get busy(): boolean {
    return this.list.some((worker) => worker.busy);
  }

  /** Whether there is a stream that somebody waits for. */
  get streaming(): boolean {
    return this.list.some((worker) => worker.streaming);
  }

  create(open: (onread: OnReadOpts) => Socket, index: number): void {
    const worker = new Worker(open, initHeader(this.spec, index, this.replica.devices), this.replica, this.events);
    this.list = [...this.list, worker];
    this.openStreams += 1;
    if (index === 0 || !this.buildsInTurn) worker.build();
  }

  discard(): void {
    this.list = [];
    this.openStreams = 0;
  }

  /** Has the next worker's Handler built, where they are built in turn. Returns whether all are built. */
  built(worker: PoolWorker): boolean {
    if (this.buildsInTurn) this.list[worker.index + 1]?.build();
    return this.list.every(({ readiness }) => readiness !== undefined);
  }

  /** A worker's stream is over. Returns false for a worker that was discarded, and whose end does not matter. */
  closed(worker: PoolWorker): boolean {
    if (!this.list.some((one) => one === worker)) return false;
    this.openStreams -= 1;
    return true;
  }

  /** They get nothing new. */
  close(): void {
    for (const worker of this.list) worker.close();
  }

  /** They get nothing new, finish what they have, and leave. */
  drain(): void {
    for (const worker of this.list) worker.drain();
  }

  /** They are gone: fails every call that may have begun. Returns those that certainly had not. */
  failAll(error: DcfError): Call[] {
    return this.list.flatMap((worker) => worker.failAll(error) ?? []);
  }

  /** Models that are loaded on a device at once need the most memory of each at once. */
  private get buildsInTurn(): boolean {
    return this.replica.devices.length > 0;
  }
}
