import { startTimer } from '../../core/deadline.js';
import { DcfError, messageOf } from '../../core/errors.js';
import type { FunctionName, RevisionId } from '../../core/names.js';
import type { FunctionPool } from '../../pool/function-pool.js';
import { type FunctionRecord, releaseOf } from '../../registry/model/function-record.js';
import { revisionsIn, sharersIn } from '../../registry/model/release.js';
import type { CallCounts } from '../../registry/state/call-counts.js';
import type { ErrorCount } from './canary.js';
import type { RevisionLauncher } from './launcher.js';
import { LiveFunction, type LiveRevision } from './live-function.js';
import { nextPlace, Router } from './router.js';

export interface FunctionsOptions {
  launcher: RevisionLauncher;
  /** The counts of calls from before the daemon started. */
  counts: Pick<CallCounts, 'read'>;
  drainGraceMs: number;
  /** How long the replicas of the formerly active revision stay ready for a rollback, in milliseconds; 0: they stop at once. */
  keepWarmMs: number;
  /** Reports that a deployed revision does not start again after a restart of the daemon. */
  onProblem: (name: FunctionName, revision: RevisionId, error: unknown) => void;
  /** Called when a function has come, gone, or got another pool: its readiness may have changed. */
  onChange: () => void;
  /** Reports that too many calls of a canary have failed; it gets no more calls from then on. */
  onCanaryOver: (name: FunctionName, revision: RevisionId, count: ErrorCount) => void;
}

/** The deployed functions as they run: their records in the registry, with a pool for each revision that gets calls. */
export class LiveFunctions {
  readonly router = new Router();
  private readonly functions = new Map<FunctionName, LiveFunction>();
  private readonly draining = new Set<Promise<void>>();
  /** Revisions whose pools drain; `retain` keeps their files. */
  private readonly leaving: LiveRevision[] = [];
  private readonly stopping = new AbortController();

  constructor(private readonly options: FunctionsOptions) {}

  /** All functions, sorted by name. */
  list(): LiveFunction[] {
    return [...this.functions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A function; `undefined` if it is not deployed. */
  find(name: FunctionName): LiveFunction | undefined {
    return this.functions.get(name);
  }

  /** A function. @throws DcfError NOT_FOUND when it is not deployed */
  get(name: FunctionName): LiveFunction {
    const found = this.functions.get(name);
    if (found === undefined) throw new DcfError('NOT_FOUND', `there is no function ${name}`);
    return found;
  }

  /** Whether any process may still use the files of a revision. */
  isRunning(name: FunctionName, revision: RevisionId): boolean {
    if (this.functions.get(name)?.find(revision) !== undefined) return true;
    return this.leaving.some((entry) => entry.revision.name === name && entry.revision.id === revision);
  }

  /**
   * Starts the deployed functions again. Resolves when each revision that gets calls is ready or has failed, or when `stop` has ended
   * that; a failure does not affect others.
   */
  async restore(records: readonly FunctionRecord[]): Promise<void> {
    await Promise.all(records.map((record) => this.restoreOne(record)));
  }

  /**
   * Routes calls by the record: to the started pools and to those that run already. Calls in queues move to where they would go now, in front
   * of later calls, so that no caller gets an answer of an older revision after one of a newer. Calls that run are finished, and so are
   * queued calls that name a revision by its id.
   */
  update(record: FunctionRecord, started: readonly LiveRevision[]): void {
    const { name } = record;
    const known = this.functions.get(name);
    const live = known ?? new LiveFunction(record, (revision, count) => this.options.onCanaryOver(name, revision, count));
    const before = { active: live.revision.id, revisions: live.revisions };
    const leaving = live.update(record, started);
    const route = live.route();
    this.functions.set(name, live);
    this.router.set(name, route);
    const sharers = sharersIn(releaseOf(record));
    for (const { running, revision } of before.revisions) {
      if (running.kind !== 'pool') continue;
      const { pool } = running;
      const keepsShare = sharers.includes(revision.id) && live.pools.includes(pool);
      pool.handOver((invocation) => nextPlace(invocation, pool, route, keepsShare));
    }
    for (const entry of leaving) {
      const { running, revision } = entry;
      if (running.kind !== 'pool') continue;
      if (revision.id === before.active && this.mayKeepWarm(live, entry)) this.keepWarm(live, entry, running.pool);
      else void this.drain(entry, running.pool);
    }
    this.options.onChange();
  }

  /** Replaces the record of a function by one that does not change where calls go. */
  adopt(record: FunctionRecord): void {
    this.functions.get(record.name)?.update(record, []);
  }

  /** Sets the bounds of a revision's pool to those of its record, or else of its manifest. */
  scale(name: FunctionName, id: RevisionId): void {
    const live = this.functions.get(name);
    const entry = live?.find(id);
    if (live === undefined || entry?.running.kind !== 'pool') return;
    const { min, max } = live.record.scale[id] ?? entry.revision.manifest.replicas;
    entry.running.pool.scale({ min, max });
  }

  /** Ends the pool that is kept ready for a rollback, if there is one. */
  async coolDown(name: FunctionName): Promise<void> {
    const warm = this.functions.get(name)?.coolDown();
    if (warm?.running.kind === 'pool') await this.drain(warm, warm.running.pool);
  }

  /** Removes a function: no new call finds it. Resolves when its calls have finished and its replicas have stopped. */
  async remove(name: FunctionName): Promise<void> {
    const live = this.functions.get(name);
    this.functions.delete(name);
    this.router.delete(name);
    this.options.onChange();
    if (live === undefined) return;
    const warm = live.coolDown();
    const entries = warm === undefined ? live.revisions : [...live.revisions, warm];
    await Promise.all(entries.map((entry) => (entry.running.kind === 'pool' ? this.drain(entry, entry.running.pool) : undefined)));
  }

  /** Lets every call finish and stops every replica. Replicas that are left after the grace are killed. */
  async stop(graceMs: number): Promise<void> {
    const until = Date.now() + graceMs;
    this.stopping.abort();
    await this.idle(until);
    const pools = this.pools();
    for (const live of this.list()) live.coolDown();
    await Promise.all([...this.draining, ...pools.map((pool) => pool.stop(Math.max(0, until - Date.now())))]);
  }

  /** The pools that there are now: a deploy may add one while the daemon stops. */
  private pools(): FunctionPool[] {
    return this.list().flatMap((live) => live.pools);
  }

  /** Resolves when no call runs in any function, or else at `until`. Until then every pool is needed, as a call may call any function. */
  private async idle(until: number): Promise<void> {
    for (;;) {
      const busy = this.pools().filter((pool) => pool.busy);
      const waits = [...this.draining, ...busy.map((pool) => pool.idle(Math.max(0, until - Date.now())))];
      if (waits.length === 0 || Date.now() >= until) return;
      await Promise.all(waits);
    }
  }

  private async restoreOne(record: FunctionRecord): Promise<void> {
    const { name } = record;
    const live = new LiveFunction(record, (revision, count) => this.options.onCanaryOver(name, revision, count));
    const named = new Set(revisionsIn(releaseOf(record)));
    const entries = record.revisions
      .filter(({ id }) => named.has(id))
      .map((revision): LiveRevision => ({ revision, counters: live.countersOf(revision.id), running: { kind: 'starting' } }));
    live.update(record, entries);
    this.functions.set(name, live);
    this.refresh(live);
    const counted = live.addCounts(this.options.counts.read(name));
    await Promise.all([counted, ...entries.map((entry) => this.restoreRevision(live, entry))]);
  }

  private async restoreRevision(live: LiveFunction, entry: LiveRevision): Promise<void> {
    const { launcher, onProblem } = this.options;
    const { revision, counters } = entry;
    const { signal } = this.stopping;
    // A deploy, a delete or the end of the daemon may have come in the meantime.
    const isCurrent = (): boolean => !signal.aborted && this.functions.get(live.name) === live && live.find(revision.id) === entry;
    try {
      const spec = await launcher.prepare(revision, () => undefined, signal);
      if (!isCurrent()) return;
      const pool = launcher.createPool(revision, spec, counters, live.record.scale[revision.id]);
      entry.running = { kind: 'pool', pool };
      this.refresh(live);
      await pool.restore();
    } catch (error) {
      if (!isCurrent()) return;
      onProblem(live.name, revision.id, error);
      if (entry.running.kind !== 'starting') return;
      entry.running = { kind: 'failed', reason: messageOf(error) };
      this.refresh(live);
    }
  }

  private refresh(live: LiveFunction): void {
    this.router.set(live.name, live.route());
    this.options.onChange();
  }

  /** Whether a revision may be kept ready for a rollback: not with `update: recreate`, which means that there is no room for two. */
  private mayKeepWarm(live: LiveFunction, { revision }: LiveRevision): boolean {
    const rolling = [revision, live.revision].every(({ manifest }) => manifest.update === 'rolling');
    return rolling && this.options.keepWarmMs > 0 && revision.id !== live.revision.id;
  }

  private keepWarm(live: LiveFunction, entry: LiveRevision, pool: FunctionPool): void {
    const cancelTimer = startTimer(this.options.keepWarmMs, () => {
      live.coolDown();
      void this.drain(entry, pool);
    });
    const before = live.keepWarm(entry, cancelTimer);
    if (before?.running.kind === 'pool') void this.drain(before, before.running.pool);
  }

  private drain(entry: LiveRevision, pool: FunctionPool): Promise<void> {
    this.leaving.push(entry);
    const drained = pool.stop(this.options.drainGraceMs).finally(() => {
      this.draining.delete(drained);
      this.leaving.splice(this.leaving.indexOf(entry), 1);
      this.options.onChange();
    });
    this.draining.add(drained);
    return drained;
  }
}
