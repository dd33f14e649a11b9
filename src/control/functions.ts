import { DcfError, messageOf } from '../core/errors.js';
import type { FunctionName } from '../core/names.js';
import type { CallCounters, FunctionPool } from '../pool/function-pool.js';
import type { Registry } from '../registry/registry.js';
import type { Revision } from '../registry/revision.js';
import type { Launcher } from './launcher.js';
import { Router } from './router.js';

/** What runs of a function: its pool, or why there is none. */
export type Running = { kind: 'pool'; pool: FunctionPool } | { kind: 'starting' } | { kind: 'failed'; reason: string };

/** A deployed function. */
export interface LiveFunction {
  name: FunctionName;
  revision: Revision;
  running: Running;
  counters: CallCounters;
}

export interface FunctionsOptions {
  registry: Registry;
  launcher: Launcher;
  drainGraceMs: number;
  /** Told when a function that was deployed before does not come back. */
  onProblem: (name: FunctionName, error: unknown) => void;
  /** A function has come, gone, or got another pool: readiness may have changed. */
  onChange: () => void;
}

/** The deployed functions, as they run: what the registry has on disk, with a pool each. */
export class LiveFunctions {
  readonly router = new Router();
  private readonly functions = new Map<FunctionName, LiveFunction>();
  private readonly draining = new Set<Promise<void>>();

  constructor(private readonly options: FunctionsOptions) {}

  /** All of them, by name. */
  list(): LiveFunction[] {
    return [...this.functions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: FunctionName): LiveFunction | undefined {
    return this.functions.get(name);
  }

  /** @throws DcfError NOT_FOUND */
  get(name: FunctionName): LiveFunction {
    const found = this.functions.get(name);
    if (found === undefined) throw new DcfError('NOT_FOUND', `there is no function ${name}`);
    return found;
  }

  /** Starts again what was deployed. Resolves when each is ready or has failed; none stops another. */
  async restore(revisions: readonly Revision[]): Promise<void> {
    await Promise.all(revisions.map((revision) => this.restoreOne(revision)));
  }

  /** Makes `pool` the one that calls go to, and lets the pool before it finish what it has. */
  switchTo(revision: Revision, pool: FunctionPool, counters: CallCounters): Promise<void> {
    const before = this.functions.get(revision.name)?.running;
    this.set({ name: revision.name, revision, running: { kind: 'pool', pool }, counters });
    return before?.kind === 'pool' ? this.drain(before.pool) : Promise.resolve();
  }

  /** Takes a function out: no new call finds it, and what runs is finished. */
  async remove(name: FunctionName): Promise<void> {
    const running = this.functions.get(name)?.running;
    this.functions.delete(name);
    this.router.delete(name);
    this.options.onChange();
    if (running?.kind === 'pool') await this.drain(running.pool);
  }

  /** Lets every call finish and ends every replica; what is left after the grace is killed. */
  async stop(graceMs: number): Promise<void> {
    const pools = this.list().flatMap(({ running }) => (running.kind === 'pool' ? [running.pool] : []));
    await Promise.all([...this.draining, ...pools.map((pool) => pool.stop(graceMs))]);
  }

  private async restoreOne(revision: Revision): Promise<void> {
    const { launcher } = this.options;
    const { name } = revision;
    const counters = { calls: 0, errors: 0 };
    this.set({ name, revision, running: { kind: 'starting' }, counters });
    try {
      const spec = await launcher.prepare(revision, () => undefined);
      // A deploy or a delete may have come in between.
      if (this.functions.get(name)?.revision !== revision) return;
      const pool = launcher.createPool(revision, spec, counters);
      this.set({ name, revision, running: { kind: 'pool', pool }, counters });
      await pool.restore();
    } catch (error) {
      this.options.onProblem(name, error);
      const live = this.functions.get(name);
      if (live?.revision === revision && live.running.kind === 'starting') {
        this.set({ name, revision, running: { kind: 'failed', reason: messageOf(error) }, counters });
      }
    }
  }

  private set(live: LiveFunction): void {
    const { name, revision, running } = live;
    this.functions.set(name, live);
    if (running.kind === 'pool') {
      const target = { pool: running.pool, maxPayload: revision.manifest.manifest.limits.payload };
      this.router.set(name, { kind: 'pool', revision: revision.id, target });
    } else {
      this.router.set(name, running);
    }
    this.options.onChange();
  }

  private drain(pool: FunctionPool): Promise<void> {
    const drained = pool.stop(this.options.drainGraceMs).finally(() => this.draining.delete(drained));
    this.draining.add(drained);
    return drained;
  }
}
