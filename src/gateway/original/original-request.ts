import type { CreateFunctionRequest, FunctionResources } from '@dcf/sdk/contract';
import { parseSize } from '@dcf/sdk/units';
import type { ManifestChanges } from '../../control/changes/image-deployer.js';
import { DcfError } from '../../core/errors.js';

/**
 * The changes that a request of the original contract's Deploy or Update makes to the manifest of its image. A field that this platform
 * cannot apply is refused: ignoring it would deploy another function than the one that was asked for.
 *
 * @throws DcfError INVALID_ARGUMENT that names the field, why it is refused, and what to do
 */
export function manifestChanges(request: CreateFunctionRequest): ManifestChanges {
  const { EnvVars, Labels, Annotations, Constraints, Secrets, RegistryAuth, Limits, Requests } = request;
  if (Constraints.length > 0)
    throw refused('Constraints', 'they select a host, and this daemon runs functions on its own host only: leave them out');
  if (RegistryAuth !== '') throw refused('RegistryAuth', 'images come from this daemon and not from a registry: leave it out');
  for (const [field, resources] of Object.entries({ Limits, Requests })) {
    if (given(resources?.CPU))
      throw refused(`${field}.CPU`, 'this daemon does not limit the CPU: leave it out, and limit the number of replicas instead');
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

/** The limit of a resource: the one of `limits`, or else the amount that `requests` asks for, which cannot be above the limit. */
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
    throw refused(`Requests.${key}`, `${request} is above Limits.${key}, ${limit}: ask for no more than the limit`);
  return most ?? least;
}

/** The bytes of a quantity in Kubernetes' notation, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/, or in ours. */
function memoryOf(text: string, field: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : parseSize(text.replace(/^([\d.]+)([kKMGT])(i?)B?$/, toSize));
  if (bytes !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw refused(
    field,
    `${JSON.stringify(text.slice(0, 80))} is not a size: write a number of bytes, or a size such as 512Mi, 2Gi, 500M, 64MiB`,
  );
}

function toSize(_: string, number: string, unit: string, binary: string): string {
  return `${number}${unit.toUpperCase()}${binary}B`;
}

function devicesOf(text: string, field: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw refused(field, `${JSON.stringify(text.slice(0, 80))} is not a number of devices: write a whole number from 0 to 99`);
}

/** Whether a field was set: proto3 has the empty text for one that was not. */
function given(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function refused(field: string, why: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', `${field}: ${why}`);
}
