import type { ReplicaSpec } from '../../pool/replica/replica-spec.js';
import type { Isolation } from '../../process/confinement.js';
import type { RevisionSecrets } from '../../registry/secrets/revision-secrets.js';

/** The spec of replicas that get secrets, as variables and as files. */
export function withSecrets(spec: ReplicaSpec, secrets: RevisionSecrets): ReplicaSpec {
  return {
    ...spec,
    confinement: { ...spec.confinement, isolation: withFiles(spec.confinement.isolation, secrets.directory) },
    // Read whenever a replica starts, so that each gets the secrets as they are then.
    get environment() {
      return { ...spec.environment, ...secrets.environment() };
    },
  };
}

/** A sandbox shows nothing of the data directory that it is not told to. */
function withFiles(isolation: Isolation, directory: string): Isolation {
  return isolation.kind === 'process' ? isolation : { ...isolation, readOnly: [...isolation.readOnly, directory] };
}
