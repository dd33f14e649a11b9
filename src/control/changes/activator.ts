import { formatDuration } from '@dcf/sdk/units';
import type { FunctionName, RevisionId } from '../../core/names.js';
import type { FunctionPool } from '../../pool/function-pool.js';
import type { LogLine } from '../../pool/output/log-line.js';
import type { ReplicaSpec } from '../../pool/replica/replica-spec.js';
import { type Release, revisionsIn } from '../../registry/model/release.js';
import type { Revision } from '../../registry/model/revision.js';
import type { FunctionRecord, Registry } from '../../registry/registry.js';
import type { LiveFunctions } from '../live/functions.js';
import type { RevisionLauncher } from '../live/launcher.js';
import type { LiveRevision } from '../live/live-function.js';
import { type Progress, runStep } from './progress.js';

export interface ActivatorOptions {
  registry: Registry;
  functions: LiveFunctions;
  launcher: RevisionLauncher;
  drainGraceMs: number;
  /** Reports that the revision which had to make room does not start again. */
  onProblem: (name: FunctionName, revision: RevisionId, error: unknown) => void;
}

/** A revision that is ready to start. */
interface Prepared {
  revision: Revision;
  spec: ReplicaSpec;
}

/** A revision with a new pool, which has not been started yet. */
interface Candidate extends LiveRevision {
  readonly pool: FunctionPool;
}

/** Puts a release into effect: starts its revisions, and only when all of them are ready, writes it and routes calls by it. */
export class Activator {
  constructor(private readonly options: ActivatorOptions) {}

  /**
   * Changes the release of a function. Any failure before the step `switch` leaves everything as it was.
   *
   * @param wanted - the revisions that the change is about: each of them that cannot take calls now, or runs with old secrets, is started again
   * @throws DcfError NOT_FOUND; FAILED_PRECONDITION with the Handler's own stack as `cause`; CANCELLED when the signal aborts
   */
  async change(name: FunctionName, next: Release, wanted: readonly RevisionId[], progress: Progress): Promise<FunctionRecord> {
    const revisions = revisionsIn(next).map((id) => this.options.registry.revision(name, id));
    const missing = revisions.filter(({ id }) => this.isMissing(name, id, wanted));
    if (missing.length === 0) return runStep(progress, 'switch', () => this.commit(name, next, []));
    const prepared = await runStep(progress, 'prepare', () => this.prepare(missing, progress));
    // The revision before has to stop first: there is no room for both.
    if (missing.some(({ id, manifest }) => id === next.active && manifest.update === 'recreate'))
      return this.recreate(name, next, prepared, progress);
    return this.start(name, next, prepared, progress);
  }

  private isMissing(name: FunctionName, id: RevisionId, wanted: readonly RevisionId[]): boolean {
    const live = this.options.functions.find(name);
    if (live?.find(id) === undefined) return true;
    return wanted.includes(id) && !live.isCurrent(id);
  }

  private async prepare(revisions: readonly Revision[], { emit, signal }: Progress): Promise<Prepared[]> {
    const prepared: Prepared[] = [];
    for (const revision of revisions) {
      const spec = await this.options.launcher.prepare(revision, (line) => emit({ kind: 'output', line }), signal);
      prepared.push({ revision, spec });
    }
    return prepared;
  }

  private async start(name: FunctionName, next: Release, prepared: readonly Prepared[], progress: Progress): Promise<FunctionRecord> {
    let starting = true;
    const onLine = ({ text }: LogLine): void => {
      if (starting) progress.emit({ kind: 'output', line: text });
    };
    const candidates = prepared.map((one) => this.candidate(name, next, one, onLine));
    try {
      await runStep(
        progress,
        'start',
        () => Promise.all(candidates.map(({ pool }) => startUnlessAborted(pool, progress.signal))),
        () => candidates.map(({ pool }) => describeStart(pool)).join('; '),
      );
      starting = false;
      for (const text of candidates.flatMap(warnings)) progress.emit({ kind: 'warning', text });
      return await runStep(progress, 'switch', () => this.commit(name, next, candidates));
    } catch (error) {
      await Promise.all(candidates.map(({ pool }) => pool.stop(0)));
      throw error;
    }
  }

  /** Starts revisions after those that they replace have stopped. The replaced pools go on queueing calls until the switch. */
  private async recreate(name: FunctionName, next: Release, prepared: readonly Prepared[], progress: Progress): Promise<FunctionRecord> {
    const { functions, drainGraceMs, onProblem } = this.options;
    const stays = new Set(revisionsIn(next));
    const starting = new Set(prepared.map(({ revision }) => revision.id));
    const replaced = (functions.find(name)?.revisions ?? []).flatMap(({ revision: { id }, running }) =>
      running.kind === 'pool' && (!stays.has(id) || starting.has(id)) ? [{ id, pool: running.pool }] : [],
    );
    try {
      if (replaced.length > 0) {
        await runStep(progress, 'drain', async () => {
          await functions.coolDown(name);
          await Promise.all(replaced.map(({ pool }) => pool.suspend(drainGraceMs)));
        });
      }
      return await this.start(name, next, prepared, progress);
    } catch (error) {
      await Promise.all(replaced.map(({ id, pool }) => pool.resume().catch((problem: unknown) => onProblem(name, id, problem))));
      throw error;
    }
  }

  private candidate(name: FunctionName, next: Release, { revision, spec }: Prepared, onLine: (line: LogLine) => void): Candidate {
    const { functions, launcher } = this.options;
    const counters = functions.find(name)?.countersOf(revision.id) ?? { calls: 0, errors: 0 };
    const pool = launcher.createPool(revision, spec, counters, next.scale[revision.id], onLine);
    return { revision, counters, running: { kind: 'pool', pool }, pool };
  }

  private async commit(name: FunctionName, next: Release, started: readonly LiveRevision[]): Promise<FunctionRecord> {
    const record = await this.options.registry.release(name, next);
    this.options.functions.update(record, started);
    return record;
  }
}

/** Resolves when the pool is ready; an abort ends its replicas, and the start fails. */
async function startUnlessAborted(pool: FunctionPool, signal: AbortSignal): Promise<void> {
  const abort = (): void => void pool.stop(0);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await pool.start();
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Warnings about what a manifest asks for, but its Handler does not support. */
function warnings({ revision, pool }: Candidate): string[] {
  const { maxSize } = revision.manifest.batch;
  const batchless = pool.snapshot().replicas.some(({ workers }) => workers.some(({ callBatch }) => callBatch === false));
  return maxSize > 1 && batchless ? [`batch.maxSize is ${maxSize}, but the Handler has no callBatch: calls run one by one`] : [];
}

function describeStart(pool: FunctionPool): string {
  const { ready, replicas } = pool.snapshot();
  const workers = replicas.flatMap((replica) => replica.workers);
  const slowest = Math.max(0, ...workers.map((worker) => worker.initMs));
  const providers = new Set(workers.flatMap((worker) => worker.providers));
  const sessions = providers.size === 0 ? '' : `, sessions on ${[...providers].join(', ')}`;
  return `${ready} ready, Handler built in ${formatDuration(slowest)}${sessions}`;
}
