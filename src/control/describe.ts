import type { FunctionDescription, FunctionSummary, ReplicaDescription, RevisionDescription, TrafficShare } from '@dcf/sdk/contract';
import type { Manifest } from '@dcf/sdk/manifest';
import type { FunctionPool } from '../pool/function-pool.js';
import type { ReplicaSnapshot } from '../pool/pool-snapshot.js';
import type { SpawnedProcess } from '../process/spawn.js';
import { type Revision, sizeOf } from '../registry/model/revision.js';
import type { FunctionRecord } from '../registry/registry.js';
import type { LiveFunction, LiveRevision, Running } from './live/live-function.js';

type Condition = Pick<FunctionSummary, 'state' | 'reason' | 'replicas' | 'readyReplicas'>;

/** Whether a function can take calls: the state of its active revision, and the replicas of all revisions that get calls. */
export function condition(live: LiveFunction): Condition {
  const { state, reason } = conditionOf(live.running, live.revision);
  const conditions = live.revisions.map(({ running, revision }) => conditionOf(running, revision));
  const sum = (count: 'replicas' | 'readyReplicas'): number => conditions.reduce((total, one) => total + one[count], 0);
  return { state, reason, replicas: sum('replicas'), readyReplicas: sum('readyReplicas') };
}

function conditionOf(running: Running, revision: Revision): Condition {
  const none = { replicas: Math.max(1, revision.manifest.replicas.min), readyReplicas: 0 };
  if (running.kind === 'starting') return { ...none, state: 'starting', reason: '' };
  if (running.kind === 'failed') return { ...none, state: 'failed', reason: running.reason };
  const { wanted, ready, initError, lastFailure } = running.pool.snapshot();
  const counts = { replicas: wanted, readyReplicas: ready };
  if (counts.readyReplicas > 0) return { state: 'ready', reason: '', ...counts };
  if (running.pool.available) return { state: 'idle', reason: '', ...counts };
  const reason = initError?.message ?? lastFailure?.text ?? '';
  return { state: reason === '' ? 'starting' : 'failed', reason, ...counts };
}

/** Whether a function takes calls: it is ready, or it has no replica and its first call starts one. */
export function isAvailable(live: LiveFunction): boolean {
  return live.isAvailable(live.revision.id);
}

/** A function in one line of `dcf list`. */
export function summarize(live: LiveFunction): FunctionSummary {
  const { name, revision, running, counters, record } = live;
  const { description, runtime } = revision.manifest;
  const replicas = running.kind === 'pool' ? running.pool.snapshot().replicas : [];
  const providers = new Set(replicas.flatMap((replica) => replica.workers.flatMap((worker) => worker.providers)));
  const { state, reason, replicas: wanted, readyReplicas } = condition(live);
  return {
    name,
    description,
    runtime,
    revision: revision.id,
    calls: counters.calls,
    errors: counters.errors,
    providers: [...providers],
    state,
    reason,
    replicas: wanted,
    readyReplicas,
    aliases: record.aliases,
    traffic: sharesOf(record),
  };
}

/**
 * Everything that is known about a function.
 *
 * @param record - the function's record in the registry; @default the record that it runs by
 */
export function describe(live: LiveFunction, record: FunctionRecord = live.record): FunctionDescription {
  const { revision, running } = live;
  const entries = live.warm === undefined ? live.revisions : [...live.revisions, live.warm];
  const pools = entries.flatMap((entry) => (entry.running.kind === 'pool' ? [{ entry, pool: entry.running.pool }] : []));
  const failure = running.kind === 'pool' ? running.pool.snapshot().lastFailure : undefined;
  const count = (of: (pool: FunctionPool) => number): number => pools.reduce((sum, { pool }) => sum + of(pool), 0);
  return {
    summary: summarize(live),
    manifest: JSON.stringify(inForce(revision.manifest, running)),
    revisions: record.revisions.map((kept) => describeRevision(kept, live, record)),
    aliases: record.aliases,
    replicas: pools.flatMap(({ entry, pool }) => pool.snapshot().replicas.map((replica) => describeReplica(replica, entry))),
    queued: count((pool) => pool.queued),
    running: count((pool) => pool.running),
    lastFailure: failure?.text ?? '',
    lastFailureAt: failure?.at ?? 0,
    history: record.history.map(({ revision: id, at }) => ({ revision: id, at })),
    canaryLimit: record.maxErrorRate === undefined ? null : { maxErrorRate: record.maxErrorRate },
    canaryStop: record.canaryStop ?? null,
    batches: running.kind === 'pool' ? describeBatches(running.pool.batchSizes) : [],
  };
}

/** A manifest with every default, and with the limits that are in force: the daemon's own limits apply to every function. */
function inForce({ given: _, ...manifest }: Manifest, running: Running): Omit<Manifest, 'given'> {
  return running.kind === 'pool' ? { ...manifest, limits: { ...manifest.limits, payload: running.pool.maxPayload } } : manifest;
}

/** The batches by size. The list may have holes for sizes that never came. */
function describeBatches(countsBySize: readonly number[]): FunctionDescription['batches'] {
  return [...countsBySize].map((count = 0, size) => ({ size, count })).filter(({ count }) => count > 0);
}

function describeRevision(revision: Revision, live: LiveFunction, record: FunctionRecord): RevisionDescription {
  const { id, createdAt, files, manifest } = revision;
  const active = id === record.active.id;
  const entry = live.find(id);
  const { calls, errors } = live.countersOf(id);
  const { min, max } = record.scale[id] ?? manifest.replicas;
  const known = entry === undefined ? undefined : conditionOf(entry.running, revision);
  const whole = active && record.traffic.length === 0 ? 100 : 0;
  return {
    revision: id,
    createdAt,
    size: sizeOf(files),
    files: files.length,
    active,
    aliases: Object.keys(record.aliases).filter((alias) => record.aliases[alias] === id),
    percent: record.traffic.find((share) => share.revision === id)?.percent ?? whole,
    state: entry !== undefined && entry === live.warm ? 'warm' : (known?.state ?? ''),
    replicas: known?.replicas ?? 0,
    readyReplicas: known?.readyReplicas ?? 0,
    calls,
    errors,
    minReplicas: min,
    maxReplicas: max,
  };
}

function sharesOf({ traffic }: FunctionRecord): TrafficShare[] {
  return traffic.map(({ revision, percent }) => ({ revision, percent }));
}

function describeReplica(replica: ReplicaSnapshot, { revision }: LiveRevision): ReplicaDescription {
  const { id, pid, phase, startedAt, workers, devices, process } = replica;
  return {
    ...describeProcess(process),
    id,
    pid,
    state: phase,
    startedAt,
    workers: workers.map(({ index, ready, providers, initMs, calls, running }) => ({
      index,
      state: ready ? phase : 'starting',
      providers: [...providers],
      initMs,
      calls,
      running,
    })),
    revision: revision.id,
    devices: [...devices],
  };
}

type ProcessDescription = Pick<ReplicaDescription, 'memory' | 'peakMemory' | 'memoryLimit' | 'memoryGuard' | 'isolation' | 'network'>;

function describeProcess(process: SpawnedProcess | undefined): ProcessDescription {
  if (process === undefined) return { memory: 0, peakMemory: 0, memoryLimit: 0, memoryGuard: '', isolation: '', network: false };
  const { isolation, memoryLimit } = process.confinement;
  const { rss, peak } = process.memory();
  return {
    memory: rss,
    peakMemory: peak,
    memoryLimit: memoryLimit ?? 0,
    memoryGuard: process.memoryGuard ?? '',
    isolation: isolation.kind,
    network: isolation.kind === 'process' || isolation.network,
  };
}
