import { Backoff } from '../core/backoff.js';
import { startTimer } from '../core/deadline.js';
import { DcfError } from '../core/errors.js';
import type { Replica } from './replica.js';

export interface KeeperOptions {
  /** How many replicas are to run. */
  wanted: number;
  create: (id: number) => Replica;
  onReady: (replica: Replica) => void;
  onEnded: () => void;
}

/** What ended a replica last, for people. */
export interface Failure {
  text: string;
  /** Unix milliseconds. */
  at: number;
}

/** A first restart comes at once, for it is likely to help; later ones come ever more seldom. */
const backoffOptions = { initialMs: 50, maximumMs: 30_000, resetAfterMs: 10_000 };

/** A pause that a waiting call need not notice. */
const shortPauseMs = 1_000;

/** Keeps a number of replicas running: starts them, and starts each anew with back-off when it ends. */
export class ReplicaKeeper {
  lastFailure: Failure | undefined;
  /** Why no Handler could be built, until one can. */
  initError: DcfError | undefined;
  replicas: readonly Replica[] = [];
  private readonly resumeAt = new Map<number, number>();
  private readonly cancelPauses = new Set<() => void>();
  private lastId = 0;
  private stopping = false;

  constructor(private readonly options: KeeperOptions) {}

  get wanted(): number {
    return this.options.wanted;
  }

  get readyCount(): number {
    return this.replicas.filter((replica) => replica.state === 'ready').length;
  }

  /** Milliseconds until a replica is tried again, when every one of them pauses for long; 0 when there is hope before. */
  get pauseMs(): number {
    if (this.resumeAt.size < this.options.wanted) return 0;
    const rest = Math.min(...this.resumeAt.values()) - Date.now();
    return rest > shortPauseMs ? rest : 0;
  }

  /**
   * Starts all replicas. Resolves when all are ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause` when the first start of one fails
   */
  async start(): Promise<void> {
    const firstStarts = Array.from({ length: this.options.wanted }, (_, slot) => {
      return new Promise<void>((resolve, reject) => void this.keep(slot, resolve, reject));
    });
    await Promise.all(firstStarts);
  }

  /** Lets every replica finish what it runs, kills it after `graceMs`, and starts no other. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    for (const cancel of this.cancelPauses) cancel();
    await Promise.all(this.replicas.map((replica) => replica.drain(graceMs)));
  }

  private async keep(slot: number, started: () => void, failed: (error: unknown) => void): Promise<void> {
    const backoff = new Backoff(backoffOptions);
    while (!this.stopping) {
      const lived = await this.runOne(started, failed);
      if (this.stopping) break;
      await this.pause(slot, backoff.delayAfter(lived));
    }
    failed(new DcfError('CANCELLED', 'the function was stopped while it started'));
  }

  /** From the start of one replica to its end. Resolves with how long it was ready, in milliseconds. */
  private async runOne(started: () => void, failed: (error: unknown) => void): Promise<number> {
    this.lastId += 1;
    const replica = this.options.create(this.lastId);
    this.replicas = [...this.replicas, replica];
    let readyAt = Number.POSITIVE_INFINITY;
    try {
      await replica.start();
      readyAt = replica.age;
      this.initError = undefined;
      this.options.onReady(replica);
      started();
    } catch (error) {
      this.initError = DcfError.from(error, 'INTERNAL');
      failed(error);
    }
    const end = await replica.ended;
    this.replicas = this.replicas.filter((other) => other !== replica);
    if (!this.stopping) this.lastFailure = { text: this.initError?.message ?? end.text, at: Date.now() };
    return Math.max(0, replica.age - readyAt);
  }

  private async pause(slot: number, delayMs: number): Promise<void> {
    this.resumeAt.set(slot, Date.now() + delayMs);
    this.options.onEnded();
    await new Promise<void>((resolve) => {
      const cancelTimer = startTimer(delayMs, () => wake());
      const wake = (): void => {
        cancelTimer();
        this.cancelPauses.delete(wake);
        resolve();
      };
      this.cancelPauses.add(wake);
    });
    this.resumeAt.delete(slot);
  }
}
