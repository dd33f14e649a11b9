import { Backoff, restartBackoff } from '../../core/backoff.js';
import { startTimer } from '../../core/deadline.js';
import { DcfError } from '../../core/errors.js';
import { type Deferred, defer } from '../../core/promises.js';
import type { PoolReplica } from './pool-events.js';
import type { Retirement } from './retirement.js';

export interface ReplicaSetOptions<Replica extends PoolReplica> {
  create: (id: number) => Replica;
  /** Whether a replica's successor is started before it stops; otherwise after, for where there is no room for both. */
  overlap: boolean;
  /** How long a replica that is not needed any more may take to finish its calls. */
  drainGraceMs: number;
  onReady: (replica: Replica) => void;
  /** A replica has gone, or can take no calls any more. */
  onEnded: () => void;
}

/** What ended a replica last, for people. */
export interface Failure {
  text: string;
  /** Unix milliseconds. */
  at: number;
}

/** A pause that a waiting call need not notice. */
const shortPauseMs = 1_000;

/** Keeps a number of replicas running: starts them, replaces them, and starts each anew, with back-off, when it ends. */
export class ReplicaSet<Replica extends PoolReplica = PoolReplica> {
  lastFailure: Failure | undefined;
  /** Why no Handler could be built, until one can. */
  initError: DcfError | undefined;
  /** All that have a process or are about to. */
  replicas: readonly Replica[] = [];
  /** How many are to run. */
  wanted = 0;
  private readonly backoff = new Backoff(restartBackoff);
  /** To be replaced; they take calls until their successors are ready. */
  private outgoing: readonly PoolReplica[] = [];
  private resumeAt = 0;
  private cancelPause: (() => void) | undefined;
  private waiting: { count: number; reached: Deferred<void> } | undefined;
  private lastId = 0;
  private stopping = false;

  constructor(private readonly options: ReplicaSetOptions<Replica>) {}

  get readyCount(): number {
    return this.replicas.filter((replica) => replica.phase === 'ready').length;
  }

  /** Whether a replica is being started, or is about to be. */
  get expectsReplica(): boolean {
    return this.replicas.some(({ phase }) => phase === 'starting') || (!this.stopping && this.missing > 0);
  }

  /** Milliseconds until a replica is tried again, when none is there and the pause is long; 0 when there is hope before. */
  get pauseMs(): number {
    if (this.cancelPause === undefined || this.replicas.length > 0) return 0;
    const rest = this.resumeAt - Date.now();
    return rest > shortPauseMs ? rest : 0;
  }

  /**
   * Starts replicas. Resolves when `count` are ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause` when a start fails; it goes on being tried
   */
  async start(count: number): Promise<void> {
    const reached = defer<void>();
    this.waiting = { count, reached };
    this.setWanted(count);
    await reached.promise;
  }

  /** Starts or drains replicas until `wanted` run. */
  setWanted(wanted: number): void {
    if (this.stopping) return;
    this.wanted = wanted;
    // A function at rest owes nobody an explanation; the next call finds out anew.
    if (wanted === 0) this.initError = undefined;
    if (this.waiting !== undefined) this.waiting.count = Math.min(this.waiting.count, wanted);
    this.reconcile();
    this.checkReached();
  }

  /** Puts another replica in the place of one that still works. Calls notice nothing. After a fault that waits for the back-off. */
  replace(replica: PoolReplica, { kind, why }: Retirement): void {
    if (kind === 'recycle') {
      this.replaceWhenReady(replica);
      return;
    }
    this.lastFailure = { text: why, at: Date.now() };
    const cancelTimer = startTimer(this.backoff.delayAfter(replica.age), () => this.replaceWhenReady(replica));
    void replica.ended.then(cancelTimer);
  }

  /** Lets every replica finish what it runs, kills it after `graceMs`, and starts no other until more are wanted. */
  async drain(graceMs: number): Promise<void> {
    this.wanted = 0;
    this.cancelPause?.();
    this.cancelPause = undefined;
    this.waiting?.reached.reject(new DcfError('CANCELLED', 'the function was stopped while it started'));
    this.waiting = undefined;
    await Promise.all(this.replicas.map((replica) => replica.drain(graceMs)));
  }

  /** Drains permanently: no replica starts afterwards. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    await this.drain(graceMs);
  }

  private replaceWhenReady(replica: PoolReplica): void {
    if (replica.phase !== 'ready') return;
    if (this.options.overlap) this.outgoing = [...this.outgoing, replica];
    else void replica.drain(this.options.drainGraceMs, true);
    this.reconcile();
  }

  private reconcile(): void {
    if (this.stopping) return;
    const { lasting } = this;
    for (const surplus of leastUseful(lasting, lasting.length - this.wanted)) void surplus.drain(this.options.drainGraceMs, true);
    if (this.cancelPause !== undefined) return;
    const { missing } = this;
    // After a failure one try tells as much as many.
    const count = this.initError === undefined ? missing : Math.min(1, missing);
    for (let started = 0; started < count; started++) void this.runOne();
  }

  private get lasting(): Replica[] {
    return this.replicas.filter((replica) => isUseful(replica) && !this.outgoing.includes(replica));
  }

  /** How many there is room for and that do not even start. */
  private get missing(): number {
    return this.wanted - this.lasting.length - this.blocking;
  }

  /** How many replicas leave whose successors have to wait until they are gone. */
  private get blocking(): number {
    const { overlap } = this.options;
    return this.replicas.filter(({ phase }) => phase === 'condemned' || (phase === 'draining' && !overlap)).length;
  }

  /** From the start of one replica to its end. */
  private async runOne(): Promise<void> {
    this.lastId += 1;
    const replica = this.options.create(this.lastId);
    this.replicas = [...this.replicas, replica];
    let readyAt = Number.POSITIVE_INFINITY;
    try {
      await replica.start();
      readyAt = replica.age;
      this.becameReady(replica);
    } catch (error) {
      if (!replica.discarded) {
        this.initError = DcfError.from(error, 'INTERNAL');
        this.waiting?.reached.reject(error);
        this.waiting = undefined;
      }
    }
    const end = await replica.ended;
    this.replicas = this.replicas.filter((other) => other !== replica);
    this.outgoing = this.outgoing.filter((other) => other !== replica);
    if (!this.stopping && !replica.discarded) {
      this.lastFailure = { text: this.initError?.message ?? end.text, at: Date.now() };
      // Replicas that end together are one failure.
      if (this.cancelPause === undefined) this.pause(this.backoff.delayAfter(Math.max(0, replica.age - readyAt)));
    }
    this.options.onEnded();
    this.reconcile();
  }

  private becameReady(replica: Replica): void {
    this.initError = undefined;
    this.options.onReady(replica);
    this.checkReached();
    const spare = this.readyCount - this.wanted;
    for (const leaving of this.outgoing.slice(0, Math.max(0, spare))) {
      this.outgoing = this.outgoing.filter((other) => other !== leaving);
      void leaving.drain(this.options.drainGraceMs, true);
    }
    this.reconcile();
  }

  private checkReached(): void {
    if (this.waiting === undefined || this.readyCount < this.waiting.count) return;
    this.waiting.reached.resolve();
    this.waiting = undefined;
  }

  private pause(delayMs: number): void {
    this.resumeAt = Date.now() + delayMs;
    this.cancelPause = startTimer(delayMs, () => {
      this.cancelPause = undefined;
      this.reconcile();
    });
  }
}

function isUseful({ phase }: PoolReplica): boolean {
  return phase === 'starting' || phase === 'ready';
}

/** `count` replicas that are missed least: those that are not ready yet, then those with the fewest calls, the youngest first. */
function leastUseful<Replica extends PoolReplica>(replicas: readonly Replica[], count: number): Replica[] {
  const rank = (replica: Replica): number => (replica.phase === 'starting' ? -1 : replica.running);
  return replicas.toSorted((a, b) => rank(a) - rank(b) || b.id - a.id).slice(0, Math.max(0, count));
}
