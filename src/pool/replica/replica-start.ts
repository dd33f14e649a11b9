import { startTimer } from '../../core/deadline.js';
import { defer } from '../../core/promises.js';
import { type DeviceLease, unmanagedDevices } from '../../process/device-lease.js';
import { type SpawnedProcess, spawnReplica, type WorkerEnds } from '../../process/spawn.js';
import type { ReplicaSpec } from './replica-spec.js';

export interface ReplicaStartEvents {
  /** There is a process; its Handlers are not built yet. */
  process: (process: SpawnedProcess) => void;
  /** There will be none. */
  noProcess: () => void;
  /** The Handlers are not built within `initTimeout`. */
  late: () => void;
}

/** How a replica comes up, step by step: devices, its turn to build on them, a process, Handlers. */
export class ReplicaStart {
  private lease: DeviceLease = unmanagedDevices;
  private readonly abandoned = new AbortController();
  private readonly handlers = defer<void>();

  constructor(
    private readonly spec: ReplicaSpec,
    private readonly events: ReplicaStartEvents,
  ) {
    // They may fail while nobody waits for them yet.
    this.handlers.promise.catch(() => undefined);
  }

  /** The devices that it was given, as `CUDA_VISIBLE_DEVICES` counts them. */
  get devices(): readonly string[] {
    return this.lease.devices ?? [];
  }

  /**
   * Resolves when the Handlers are built.
   *
   * @param workers - what is at the daemon's ends of the process's streams
   * @throws DcfError what `failed` was told, or why there is no process
   */
  async run(workers: WorkerEnds): Promise<void> {
    this.lease = this.spec.leaseDevices();
    const endTurn = await this.orNoProcess(() => this.lease.turn(this.abandoned.signal));
    try {
      this.events.process(await this.orNoProcess(() => this.spawn(workers)));
      await this.built();
    } finally {
      endTurn();
    }
  }

  /** Every Handler is built. */
  succeeded(): void {
    this.handlers.resolve();
  }

  /** The Handlers will not be built. Only the first reason counts. */
  failed(error: unknown): void {
    this.handlers.reject(error);
  }

  /** Waits for its turn no more. */
  abandon(): void {
    this.abandoned.abort();
  }

  /** To be called when the process is gone. */
  releaseDevices(): void {
    this.lease.release();
  }

  private async orNoProcess<Value>(step: () => Promise<Value>): Promise<Value> {
    try {
      return await step();
    } catch (error) {
      this.events.noProcess();
      throw error;
    }
  }

  private spawn(workers: WorkerEnds): Promise<SpawnedProcess> {
    const { threads, interpreter, directory, environment, confinement, starter } = this.spec;
    const { devices } = this.lease;
    return spawnReplica({ threads, interpreter, directory, environment, devices, confinement, starter: starter() }, workers);
  }

  private async built(): Promise<void> {
    const cancelTimer = startTimer(this.spec.initTimeoutMs, this.events.late);
    try {
      await this.handlers.promise;
    } finally {
      cancelTimer();
    }
  }
}
