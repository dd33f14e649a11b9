import type { Manifest } from '@dcf/sdk/manifest';
import type { Isolation } from './confinement.js';
import type { ReplicaSpec } from './replica.js';

/** What a manifest does not say of a revision: where it lies and what this host gives it. */
export interface Placement {
  revision: string;
  /** Absolute path of the revision's folder. */
  directory: string;
  resources: Readonly<Record<string, string>>;
  providers: readonly string[];
  devices: readonly string[];
  /** Files and folders beside the revision's that a sandbox can read, absolute. */
  readOnly?: readonly string[];
  /** A control group that the operator gave to the daemon. */
  cgroup?: string | undefined;
}

/** Puts together what a replica of a revision needs to know. */
export function replicaSpec(manifest: Manifest, placement: Placement): ReplicaSpec {
  const { name, handler, parameters, environment, threads, concurrency, batch, initTimeout, limits, recycle } = manifest;
  const { cgroup, readOnly: _, ...rest } = placement;
  return {
    ...rest,
    function: name,
    handler,
    parameters,
    environment,
    threads,
    concurrency,
    maxBatch: batch.maxSize,
    initTimeoutMs: initTimeout,
    maxPayload: limits.payload,
    confinement: { isolation: isolationOf(manifest, placement), memoryLimit: limits.memory, cgroup },
    recycle,
  };
}

function isolationOf({ isolation, network, limits }: Manifest, placement: Placement): Isolation {
  if (isolation === 'process') return { kind: 'process' };
  const { providers, resources, readOnly = [] } = placement;
  const gpu = limits.gpu > 0 || providers.some((provider) => provider !== 'cpu');
  // Most resources lie in the revision's folder; a large one of `dcf run` may be a link out of it.
  return { kind: 'sandbox', network, gpu, readOnly: [...Object.values(resources), ...readOnly] };
}
