import type { OnReadOpts, Socket } from 'node:net';
import { DcfError } from '../../core/errors.js';
import type { WorkerEnds } from '../../process/spawn.js';
import type { Call } from '../calls/call.js';
import { initHeader, type ReplicaSpec } from './replica-spec.js';
import { Worker, type WorkerEvents, type WorkerHome } from './worker.js';

export interface ReplicaWorkersEvents extends Pick<WorkerEvents, 'freed' | 'returned' | 'started' | 'retire' | 'log' | 'callFunction'> {
  /** Every Handler is built. */
  ready: () => void;
  /** A Handler could not be built. */
  initFailed: (error: DcfError) => void;
  /** One of the streams is over: in order (`undefined`), or with what broke it. */
  closed: (error: Error | undefined) => void;
}

/** What the workers are part of. */
export interface ReplicaWorkersHome extends WorkerHome {
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
    private readonly home: ReplicaWorkersHome,
    private readonly events: ReplicaWorkersEvents,
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
    const { freed, returned, started, retire, log, callFunction } = this.events;
    const worker = new Worker(open, initHeader(this.spec, index, this.home.devices), this.home, {
      ready: () => this.workerReady(index),
      initFailed: (message, stack) => this.initFailed(message, stack),
      closed: (error) => this.closed(worker, error),
      freed,
      returned,
      started,
      retire,
      log,
      callFunction,
    });
    this.list = [...this.list, worker];
    this.openStreams += 1;
    if (index === 0 || !this.buildsInTurn) worker.build();
  }

  discard(): void {
    this.list = [];
    this.openStreams = 0;
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
    return this.home.devices.length > 0;
  }

  private workerReady(index: number): void {
    if (this.buildsInTurn) this.list[index + 1]?.build();
    if (this.list.every((worker) => worker.readiness !== undefined)) this.events.ready();
  }

  private initFailed(message: string, stack: string): void {
    const cause = new Error(message);
    cause.stack = stack === '' ? message : stack;
    this.events.initFailed(new DcfError('FAILED_PRECONDITION', `the Handler could not be built: ${message}`, { cause }));
  }

  /** One that was discarded is not missed. */
  private closed(worker: Worker, error: Error | undefined): void {
    if (!this.list.includes(worker)) return;
    this.openStreams -= 1;
    this.events.closed(error);
  }
}
