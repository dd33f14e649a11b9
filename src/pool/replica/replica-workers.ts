import type { OnReadOpts, Socket } from 'node:net';
import type { DcfError } from '../../core/errors.js';
import type { WorkerEnds } from '../../process/spawn.js';
import type { Call } from '../calls/call.js';
import type { PoolEvents, PoolWorker } from './pool-events.js';
import type { ReplicaPort } from './replica-port.js';
import { initHeader, type ReplicaSpec } from './replica-spec.js';
import { Worker } from './worker.js';

/** The part of a replica that its workers and their group use. */
export interface WorkersPort extends ReplicaPort {
  readonly devices: readonly string[];
}

/** All workers of one replica: made before its process runs, built at once or one after the other, and ended together. */
export class ReplicaWorkers implements WorkerEnds {
  /** By index. */
  list: readonly Worker[] = [];
  /** How many workers' streams have not ended. */
  openStreams = 0;

  constructor(
    private readonly spec: ReplicaSpec,
    private readonly replica: WorkersPort,
    private readonly events: PoolEvents,
  ) {}

  /** Calls that all of them have got since they were started. */
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

  /** To be called when a worker is built: has the next one built, if they are built in turn. Returns whether all are built. */
  built(worker: PoolWorker): boolean {
    if (this.buildsInTurn) this.list[worker.index + 1]?.build();
    return this.list.every(({ readiness }) => readiness !== undefined);
  }

  /** To be called when a worker's stream has ended. Returns false for a worker that was discarded: its end does not matter. */
  closed(worker: PoolWorker): boolean {
    if (!this.list.some((one) => one === worker)) return false;
    this.openStreams -= 1;
    return true;
  }

  /** Sends no new calls to any of them. */
  close(): void {
    for (const worker of this.list) worker.close();
  }

  /** Sends no new calls to any of them, and has them finish theirs and end. */
  drain(): void {
    for (const worker of this.list) worker.drain();
  }

  /** To be called when they are gone: fails every call that a Handler may have begun. Returns the calls that certainly were not begun. */
  failAll(error: DcfError): Call[] {
    return this.list.flatMap((worker) => worker.failAll(error) ?? []);
  }

  /** Workers with devices are built one after the other: a model takes the most memory of the device while it is loaded. */
  private get buildsInTurn(): boolean {
    return this.replica.devices.length > 0;
  }
}
