import type { FunctionDescription, FunctionSummary, ReplicaDescription } from '@dcf/sdk/contract';
import type { Replica } from '../pool/replica.js';
import type { SpawnedProcess } from '../pool/spawn.js';
import type { Registry } from '../registry/registry.js';
import { sizeOf } from '../registry/revision.js';
import type { LiveFunction } from './functions.js';
import { withoutSecrets } from './secret-pool.js';

type Condition = Pick<FunctionSummary, 'state' | 'reason' | 'replicas' | 'readyReplicas'>;

/** Whether a function can take calls, told the same way everywhere. */
export function condition({ running, revision }: LiveFunction): Condition {
  const wanted = Math.max(1, revision.manifest.manifest.replicas.min);
  if (running.kind === 'starting') return { state: 'starting', reason: '', replicas: wanted, readyReplicas: 0 };
  if (running.kind === 'failed') return { state: 'failed', reason: running.reason, replicas: wanted, readyReplicas: 0 };
  const { keeper } = running.pool;
  const counts = { replicas: keeper.wanted, readyReplicas: keeper.readyCount };
  if (counts.readyReplicas > 0) return { state: 'ready', reason: '', ...counts };
  if (running.pool.available) return { state: 'idle', reason: '', ...counts };
  const reason = withoutSecrets(running.pool, keeper.initError?.message ?? keeper.lastFailure?.text ?? '');
  return { state: reason === '' ? 'starting' : 'failed', reason, ...counts };
}

/** Whether a function takes calls: it is ready, or at rest and started by its first call. */
export function isAvailable(live: LiveFunction): boolean {
  return live.running.kind === 'pool' && live.running.pool.available;
}

/** A function in one line of `dcf list`. */
export function summarize(live: LiveFunction): FunctionSummary {
  const { name, revision, running, counters } = live;
  const { description, runtime } = revision.manifest.manifest;
  const replicas = running.kind === 'pool' ? running.pool.keeper.replicas : [];
  const providers = new Set(replicas.flatMap((replica) => replica.workers.flatMap((worker) => worker.readiness?.providers ?? [])));
  return {
    name,
    description,
    runtime,
    revision: revision.id,
    calls: counters.calls,
    errors: counters.errors,
    providers: [...providers],
    ...condition(live),
  };
}

/** All that is known of a function. */
export function describe(live: LiveFunction, registry: Registry): FunctionDescription {
  const { name, revision, running } = live;
  const pool = running.kind === 'pool' ? running.pool : undefined;
  const revisions = (registry.get(name)?.revisions ?? []).map((kept) => ({
    revision: kept.id,
    createdAt: kept.createdAt,
    size: sizeOf(kept.files),
    files: kept.files.length,
    active: kept.id === revision.id,
  }));
  return {
    summary: summarize(live),
    manifest: JSON.stringify(revision.manifest.manifest),
    revisions,
    aliases: {},
    replicas: pool?.keeper.replicas.map(describeReplica) ?? [],
    queued: pool?.queued ?? 0,
    running: pool?.running ?? 0,
    lastFailure: pool === undefined ? '' : withoutSecrets(pool, pool.keeper.lastFailure?.text ?? ''),
    lastFailureAt: pool?.keeper.lastFailure?.at ?? 0,
  };
}

function describeReplica(replica: Replica): ReplicaDescription {
  const { id, pid, state, startedAt, workers } = replica;
  return {
    ...describeProcess(replica.spawned),
    id,
    pid,
    state,
    startedAt,
    workers: workers.map(({ index, readiness, calls, running }) => ({
      index,
      state: readiness === undefined ? 'starting' : state,
      providers: [...(readiness?.providers ?? [])],
      initMs: readiness?.initMs ?? 0,
      calls,
      running,
    })),
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
