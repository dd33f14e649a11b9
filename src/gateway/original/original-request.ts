import type { CreateFunctionRequest, FunctionResources } from '@dcf/sdk/contract';
import { parseSize } from '@dcf/sdk/units';
import type { ManifestChanges } from '../../control/changes/image-deployer.js';
import { DcfError } from '../../core/errors.js';

/**
 * What a request of the original contract's Deploy or Update changes in the manifest of its image. A field that this platform
 * cannot put in force is refused: to leave it out in silence would make another function of it.
 *
 * @throws DcfError INVALID_ARGUMENT naming the field, what it cannot be, and what to do
 */
export function manifestChanges(request: CreateFunctionRequest): ManifestChanges {
  const { EnvVars, Labels, Annotations, Constraints, Secrets, RegistryAuth, Limits, Requests } = request;
  if (Constraints.length > 0) throw refused('Constraints', 'they choose among hosts, and this daemon has its own only: leave them out');
  if (RegistryAuth !== '') throw refused('RegistryAuth', 'images come from this daemon and from no registry: leave it out');
  for (const [field, resources] of Object.entries({ Limits, Requests })) {
    if (given(resources?.CPU)) throw refused(`${field}.CPU`, 'the share of a CPU is not limited here: leave it out, and bound replicas');
  }
  return {
    environment: EnvVars,
    labels: Labels,
    annotations: Annotations,
    secrets: Secrets,
    memory: resource('Memory', memoryOf, Limits, Requests),
    gpu: resource('GPU', devicesOf, Limits, Requests),
  };
}

/** A replica gets what is its limit; what is requested is the limit where there is none, and cannot be more. */
function resource(
  key: 'Memory' | 'GPU',
  read: (text: string, field: string) => number,
  limits: FunctionResources | null,
  requests: FunctionResources | null,
): number | undefined {
  const [limit, request] = [limits?.[key], requests?.[key]];
  const most = given(limit) ? read(limit, `Limits.${key}`) : undefined;
  const least = given(request) ? read(request, `Requests.${key}`) : undefined;
  if (most !== undefined && least !== undefined && least > most)
    throw refused(`Requests.${key}`, `${request} is above Limits.${key}, ${limit}`);
  return most ?? least;
}

/** Bytes of a quantity as Kubernetes writes it, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/, or as we do. */
function memoryOf(text: string, field: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : parseSize(text.replace(/^([\d.]+)([kKMGT])(i?)B?$/, toSize));
  if (bytes !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw refused(field, `${JSON.stringify(text.slice(0, 80))} is no size: write bytes, or 512Mi, 2Gi, 500M, 64MiB`);
}

function toSize(_: string, number: string, unit: string, binary: string): string {
  return `${number}${unit.toUpperCase()}${binary}B`;
}

function devicesOf(text: string, field: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw refused(field, `${JSON.stringify(text.slice(0, 80))} is no number of devices`);
}

/** proto3 has an empty text for what was not given. */
function given(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function refused(field: string, why: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', `${field}: ${why}`);
}
