import { Backoff, restartBackoff } from '../../core/backoff.js';
import { startTimer } from '../../core/deadline.js';
import { DcfError } from '../../core/errors.js';
import { type Deferred, defer } from '../../core/promises.js';
import type { PoolReplica } from './pool-events.js';
import type { Retirement } from './retirement.js';

export interface ReplicaSetOptions<Replica extends PoolReplica> {
  create: (id: number) => Replica;
  /** Whether a replica's successor is started before the replica stops; otherwise after, for hosts without room for both. */
  overlap: boolean;
  /** Milliseconds that a replica that is not needed any more may take to finish its calls. */
  drainGraceMs: number;
  onReady: (replica: Replica) => void;
  /** A replica has gone, or can take no calls any more. */
  onEnded: () => void;
}

/** The last failure of a replica. */
export interface Failure {
  text: string;
  /** Unix milliseconds. */
  at: number;
}

/** Calls wait for a start in the queue during a pause that is not longer than this; during a longer one they fail. */
const shortPauseMs = 1_000;

/** Keeps a number of replicas running: starts them, replaces them, and starts another, with back-off, when one ends. */
export class ReplicaSet<Replica extends PoolReplica = PoolReplica> {
  lastFailure: Failure | undefined;
  /** Why the last start of a replica failed; `undefined` after one succeeded. */
  initError: DcfError | undefined;
  /** All replicas that have a process, or will have one. */
  replicas: readonly Replica[] = [];
  /** How many replicas should run. */
  wanted = 0;
  private readonly backoff = new Backoff(restartBackoff);
  /** Replicas that are being replaced; they take calls until their successors are ready. */
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

  /** Milliseconds until the next start, when there is no replica and the pause is long; otherwise 0. */
  get pauseMs(): number {
    if (this.cancelPause === undefined || this.replicas.length > 0) return 0;
    const rest = this.resumeAt - Date.now();
    return rest > shortPauseMs ? rest : 0;
  }

  /**
   * Starts replicas. Resolves when `count` are ready.
   *
   * @throws DcfError FAILED_PRECONDITION with the Handler's own stack as `cause` when a start fails; it goes on being tried.
   *   CANCELLED when the set is drained or stopped
   */
  async start(count: number): Promise<void> {
    if (this.stopping) throw stopped();
    const reached = defer<void>();
    this.waiting = { count, reached };
    this.setWanted(count);
    await reached.promise;
  }

  /** Starts or drains replicas until `wanted` run. */
  setWanted(wanted: number): void {
    if (this.stopping) return;
    this.wanted = wanted;
    // With no replicas wanted, an old error says nothing: the next call starts a replica again.
    if (wanted === 0) this.initError = undefined;
    if (this.waiting !== undefined) this.waiting.count = Math.min(this.waiting.count, wanted);
    this.reconcile();
    this.checkReached();
  }

  /** Replaces a replica that still works; calls notice nothing. After a fault the replacement waits for the back-off. */
  replace(replica: PoolReplica, { kind, why }: Retirement): void {
    if (kind === 'recycle') {
      this.replaceWhenReady(replica);
      return;
    }
    this.lastFailure = { text: why, at: Date.now() };
    const cancelTimer = startTimer(this.backoff.delayAfter(replica.age), () => this.replaceWhenReady(replica));
    void replica.ended.then(cancelTimer);
  }

  /** Lets every replica finish its calls, kills it after `graceMs`, and starts no replica until some are wanted again. */
  async drain(graceMs: number): Promise<void> {
    this.wanted = 0;
    this.cancelPause?.();
    this.cancelPause = undefined;
    this.waiting?.reached.reject(stopped());
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
    this.drainReplaced();
    if (this.cancelPause !== undefined) return;
    const { missing } = this;
    // After a failed start, start only one: it shows as much as many would.
    const count = this.initError === undefined ? missing : Math.min(1, missing);
    for (let started = 0; started < count; started++) void this.runOne();
  }

  /** Replicas that run, or start, and are not being replaced. */
  private get lasting(): Replica[] {
    return this.replicas.filter((replica) => isUseful(replica) && !this.outgoing.includes(replica));
  }

  /** How many replicas have to be started, and can be now. */
  private get missing(): number {
    return this.wanted - this.lasting.length - this.blocking;
  }

  /** How many ending replicas have to be gone before their successors may start. */
  private get blocking(): number {
    const { overlap } = this.options;
    return this.replicas.filter(({ phase }) => phase === 'condemned' || (phase === 'draining' && !overlap)).length;
  }

  /** Runs one replica from its start to its end. */
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
      // Replicas that end at the same time count as one failure.
      if (this.cancelPause === undefined) this.pause(this.backoff.delayAfter(Math.max(0, replica.age - readyAt)));
    }
    this.options.onEnded();
    this.reconcile();
  }

  private becameReady(replica: Replica): void {
    this.initError = undefined;
    this.options.onReady(replica);
    this.checkReached();
    this.reconcile();
  }

  /** Drains the replicas that are being replaced and are not needed any more. */
  private drainReplaced(): void {
    const spare = this.readyCount - this.wanted;
    for (const leaving of this.outgoing.slice(0, Math.max(0, spare))) {
      this.outgoing = this.outgoing.filter((other) => other !== leaving);
      void leaving.drain(this.options.drainGraceMs, true);
    }
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

function stopped(): DcfError {
  return new DcfError('CANCELLED', 'the function was stopped while it started');
}

function isUseful({ phase }: PoolReplica): boolean {
  return phase === 'starting' || phase === 'ready';
}

/** The `count` replicas that should end first: those that are not ready yet, then those with the fewest calls; the youngest first. */
function leastUseful<Replica extends PoolReplica>(replicas: readonly Replica[], count: number): Replica[] {
  const rank = (replica: Replica): number => (replica.phase === 'starting' ? -1 : replica.running);
  return replicas.toSorted((a, b) => rank(a) - rank(b) || b.id - a.id).slice(0, Math.max(0, count));
}
