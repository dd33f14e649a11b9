import type { FunctionName, RevisionId } from '../../core/names.js';
import type { FunctionPool } from '../../pool/function-pool.js';
import type { CallCounters } from '../../pool/pool-options.js';
import { releaseOf } from '../../registry/model/function-record.js';
import { revisionsIn } from '../../registry/model/release.js';
import type { Revision } from '../../registry/model/revision.js';
import type { FunctionRecord } from '../../registry/registry.js';
import type { CallCount, FunctionCounts } from '../../registry/state/call-counts.js';
import { Canary, type ErrorCount } from './canary.js';
import type { Destination, Route } from './router.js';

/** The pool of a revision, or why there is none. */
export type Running = { kind: 'pool'; pool: FunctionPool } | { kind: 'starting' } | { kind: 'failed'; reason: string };

/** One revision of a function as it runs. */
export interface LiveRevision {
  readonly revision: Revision;
  readonly counters: CallCounters;
  running: Running;
}

/** A deployed function: its record in the registry, and each revision that runs. */
export class LiveFunction {
  private warming: { entry: LiveRevision; cancelTimer: () => void } | undefined;
  /** Revisions that get calls. */
  private live: readonly LiveRevision[] = [];
  /** The counts of each revision that ran and is kept. */
  private readonly counted = new Map<RevisionId, CallCounters>();
  /** The sum of the counts of revisions that are not kept any more. */
  private readonly others: CallCounters = { calls: 0, errors: 0 };
  /** Whether the counts from before the daemon started have been added. */
  private countsKnown = true;
  private readonly canaries = new Map<RevisionId, Canary>();

  /** @param onOver - called when too many calls of a canary have failed, and so it gets no more calls */
  constructor(
    private current: FunctionRecord,
    private readonly onOver: (revision: RevisionId, count: ErrorCount) => void,
  ) {}

  get record(): FunctionRecord {
    return this.current;
  }

  get name(): FunctionName {
    return this.current.name;
  }

  /** The active revision. */
  get revision(): Revision {
    return this.current.active;
  }

  /** The pool of the active revision, or why there is none. */
  get running(): Running {
    return this.find(this.revision.id)?.running ?? { kind: 'starting' };
  }

  /** Revisions that get calls, the active one first. */
  get revisions(): readonly LiveRevision[] {
    return this.live;
  }

  /** The counts of all revisions, for the disk; `undefined` until those from the disk have been added. */
  counts(): FunctionCounts | undefined {
    return this.countsKnown ? { revisions: Object.fromEntries(this.counted), others: this.others } : undefined;
  }

  /** Adds the counts from before the daemon started, once they have been read. */
  async addCounts(reading: Promise<FunctionCounts>): Promise<void> {
    this.countsKnown = false;
    const { revisions, others } = await reading;
    for (const { id } of this.current.revisions) {
      const count = this.countersOf(id);
      add(count, revisions[id]);
      this.counted.set(id, count);
    }
    add(this.others, others);
    this.countsKnown = true;
  }

  /** The counts of all revisions since the function's first deploy. */
  get counters(): CallCounters {
    const all = [this.others, ...this.counted.values()];
    return {
      calls: all.reduce((sum, { calls }) => sum + calls, 0),
      errors: all.reduce((sum, { errors }) => sum + errors, 0),
    };
  }

  /** The revision that was active before and is kept ready for a rollback; `undefined` if none is. */
  get warm(): LiveRevision | undefined {
    return this.warming?.entry;
  }

  /** The pools of all revisions that run, the warm one included. */
  get pools(): FunctionPool[] {
    const all = this.warm === undefined ? this.live : [...this.live, this.warm];
    return all.flatMap(({ running }) => (running.kind === 'pool' ? [running.pool] : []));
  }

  /** The counters of a revision, which its pool increments. */
  countersOf(revision: RevisionId): CallCounters {
    return this.counted.get(revision) ?? { calls: 0, errors: 0 };
  }

  /** A revision that runs, the warm one included. */
  find(revision: RevisionId): LiveRevision | undefined {
    if (this.warm?.revision.id === revision) return this.warm;
    return this.live.find((entry) => entry.revision.id === revision);
  }

  /** Whether a revision could take calls at once. */
  isAvailable(revision: RevisionId): boolean {
    const running = this.find(revision)?.running;
    return running?.kind === 'pool' && running.pool.available;
  }

  /** Whether a revision can take calls at once, with the present values of its secrets: deploying it again would change nothing. */
  isCurrent(revision: RevisionId): boolean {
    const running = this.find(revision)?.running;
    return running?.kind === 'pool' && running.pool.available && !running.pool.outdated;
  }

  /**
   * Replaces the record by the registry's present one.
   *
   * @param started - revisions with new pools; these replace older pools of the same revisions
   * @returns the revisions whose pools get no more calls
   */
  update(record: FunctionRecord, started: readonly LiveRevision[]): LiveRevision[] {
    const { warm } = this;
    for (const { revision, counters } of started) this.counted.set(revision.id, counters);
    const candidates = warm === undefined ? [...started, ...this.live] : [...started, ...this.live, warm];
    const live = revisionsIn(releaseOf(record)).flatMap((id) => {
      const found = candidates.find((entry) => entry.revision.id === id);
      return found === undefined ? [] : [found];
    });
    const leaving = this.live.filter((entry) => !live.includes(entry));
    if (warm !== undefined && live.some((entry) => entry.revision.id === warm.revision.id)) {
      this.coolDown();
      if (!live.includes(warm)) leaving.push(warm);
    }
    if (JSON.stringify(trafficOf(record)) !== JSON.stringify(trafficOf(this.current))) this.canaries.clear();
    this.current = record;
    this.live = live;
    return leaving;
  }

  /**
   * Keeps a revision that gets no calls any more ready for a rollback.
   *
   * @param cancelTimer - cancels the timer that ends this
   * @returns the revision that was kept ready before
   */
  keepWarm(entry: LiveRevision, cancelTimer: () => void): LiveRevision | undefined {
    const before = this.coolDown();
    this.warming = { entry, cancelTimer };
    return before;
  }

  /** Keeps no revision ready any more. Returns the one that was. */
  coolDown(): LiveRevision | undefined {
    const { warming } = this;
    this.warming = undefined;
    warming?.cancelTimer();
    return warming?.entry;
  }

  /** Forgets a revision that is not kept any more. Its counts stay in those of the function. */
  forget(revision: RevisionId): void {
    add(this.others, this.countersOf(revision));
    this.counted.delete(revision);
  }

  /** Where calls go. */
  route(): Route {
    const { active, aliases, traffic } = this.current;
    const destinations = new Map<RevisionId, Destination>(this.live.map((entry) => [entry.revision.id, this.destination(entry)]));
    const missing: Destination = { kind: 'starting' };
    const shares = traffic.flatMap(({ revision, percent }) => {
      const destination = destinations.get(revision);
      return destination?.kind === 'pool' ? [{ target: destination.target, percent }] : [];
    });
    const byAlias = Object.entries(aliases).map(([alias, id]) => [alias, destinations.get(id) ?? missing] as const);
    return {
      active: destinations.get(active.id) ?? missing,
      shares: shares.length > 1 ? shares : [],
      named: new Map<string, Destination>([...destinations, ...byAlias]),
    };
  }

  private destination({ revision, running }: LiveRevision): Destination {
    if (running.kind !== 'pool') return running;
    const { pool } = running;
    const { callLog } = revision.manifest;
    const target = { name: revision.name, pool, maxPayload: pool.maxPayload, callLog, canary: this.canaryOf(revision.id) };
    return { kind: 'pool', target };
  }

  /** The canary of a revision, if it is one. It counts calls as long as the traffic is not changed. */
  private canaryOf(id: RevisionId): Canary | undefined {
    const { active, traffic, maxErrorRate } = this.current;
    if (maxErrorRate === undefined || id === active.id || !traffic.some(({ revision }) => revision === id)) return undefined;
    const known = this.canaries.get(id);
    if (known !== undefined) return known;
    const canary = new Canary(maxErrorRate, (count) => this.onOver(id, count));
    this.canaries.set(id, canary);
    return canary;
  }
}

function add(count: CallCounters, more: CallCount | undefined): void {
  count.calls += more?.calls ?? 0;
  count.errors += more?.errors ?? 0;
}

function trafficOf({ active, traffic, maxErrorRate }: FunctionRecord): unknown[] {
  return [active.id, traffic, maxErrorRate];
}
