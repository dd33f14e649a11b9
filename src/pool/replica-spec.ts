import type { Manifest } from '@dcf/sdk/manifest';
import type { ReplicaSpec } from './replica.js';

/** What a manifest does not say of a revision: where it lies and what this host gives it. */
export interface Placement {
  revision: string;
  /** Absolute path of the revision's folder. */
  directory: string;
  resources: Readonly<Record<string, string>>;
  providers: readonly string[];
  devices: readonly string[];
}

/** Puts together what a replica of a revision needs to know. */
export function replicaSpec(manifest: Manifest, placement: Placement): ReplicaSpec {
  const { name, handler, parameters, environment, threads, concurrency, batch, initTimeout, limits } = manifest;
  return {
    ...placement,
    function: name,
    handler,
    parameters,
    environment,
    threads,
    concurrency,
    maxBatch: batch.maxSize,
    recycle: {},
    initTimeoutMs: initTimeout,
    maxPayload: limits.payload,
  };
}
