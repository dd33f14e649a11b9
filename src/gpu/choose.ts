import type { ProviderName } from '@dcf/sdk/manifest';
import { DcfError } from '../core/errors.js';
import type { ProviderProbe } from './providers.js';

/**
 * The execution providers that a function gets: the wanted ones that are usable here, in its order of preference.
 *
 * @throws DcfError FAILED_PRECONDITION with the reason of each, when none is usable
 */
export function chooseProviders(wanted: readonly ProviderName[], probes: readonly ProviderProbe[]): { chosen: ProviderName[] } {
  const chosen = [...new Set(wanted)].filter((name) => probes.some((probe) => probe.name === name && probe.usable));
  if (chosen.length > 0) return { chosen };
  const reasons = wanted.map((name) => `${name}: ${probes.find((probe) => probe.name === name)?.detail ?? 'was not tried'}`);
  throw new DcfError('FAILED_PRECONDITION', `the function wants ${wanted.join(', ')}; on this host: ${reasons.join('; ')}`);
}
