import type { Manifest, ParsedManifest } from '@dcf/sdk/manifest';
import { DcfError } from '../core/errors.js';

/**
 * What a manifest asks for and this daemon does not do yet. A function that could not work is refused; one that works, but
 * not as asked, is deployed with a warning.
 */
export function notInForce({ manifest }: ParsedManifest): { refused: DcfError | undefined; warnings: string[] } {
  return { refused: refusal(manifest.runtime), warnings: [] };
}

function refusal(runtime: Manifest['runtime']): DcfError | undefined {
  if (runtime === 'python') return new DcfError('FAILED_PRECONDITION', 'runtime: python is not supported yet by this daemon');
  return undefined;
}
