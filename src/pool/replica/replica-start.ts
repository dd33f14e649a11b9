import { startTimer } from '../../core/deadline.js';
import { defer } from '../../core/promises.js';
import { type DeviceLease, unmanagedDevices } from '../../process/device-lease.js';
import { type SpawnedProcess, spawnReplica, type WorkerEnds } from '../../process/spawn.js';
import type { ReplicaSpec } from './replica-spec.js';

export interface ReplicaStartEvents {
  /** The process runs; its Handlers are not built yet. */
  process: (process: SpawnedProcess) => void;
  /** No process could be started. */
  noProcess: () => void;
  /** `initTimeout` has passed, and the Handlers are not built. */
  late: () => void;
}

/** The start of a replica, step by step: it gets devices, waits for its turn to build on them, starts a process, and waits for the Handlers. */
export class ReplicaStart {
  private lease: DeviceLease = unmanagedDevices;
  private readonly abandoned = new AbortController();
  private readonly handlers = defer<void>();

  constructor(
    private readonly spec: ReplicaSpec,
    private readonly events: ReplicaStartEvents,
  ) {
    // The Handlers may fail before `run` waits for them.
    this.handlers.promise.catch(() => undefined);
  }

  /** The devices that it was given, as `CUDA_VISIBLE_DEVICES` counts them. */
  get devices(): readonly string[] {
    return this.lease.devices ?? [];
  }

  /**
   * Starts the process. Resolves when the Handlers are built.
   *
   * @param workers - takes the daemon's ends of the workers' streams
   * @throws DcfError the error that `failed` was given, or why no process could be started
   */
  async run(workers: WorkerEnds): Promise<void> {
    const endTurn = await this.orNoProcess(() => {
      this.lease = this.spec.leaseDevices();
      return this.lease.turn(this.abandoned.signal);
    });
    try {
      this.events.process(await this.orNoProcess(() => this.spawn(workers)));
      await this.built();
    } finally {
      endTurn();
    }
  }

  /** To be called when every Handler is built. */
  succeeded(): void {
    this.handlers.resolve();
  }

  /** To be called when the Handlers cannot be built. Only the first error counts. */
  failed(error: unknown): void {
    this.handlers.reject(error);
  }

  /** Gives up the wait for a turn on the devices. */
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
