import type { Target } from '../control/router.js';
import { DcfError } from '../core/errors.js';

/** RESOURCE_EXHAUSTED for bytes that are over their function's limit: they never fit, so it makes no sense to come back. */
export class PayloadTooLarge extends DcfError {
  /** @param size - the input, in words */
  constructor(size: string, name: string, limit: number, what: 'input' | 'chunk' = 'input') {
    super('RESOURCE_EXHAUSTED', `the ${what} has ${size}; limits.payload of ${name} is ${limit}`);
  }
}

/** Throws a PayloadTooLarge for an input, or a chunk of one, that is over its function's limit. */
export function checkPayload({ length }: Uint8Array, what: 'input' | 'chunk', { name, maxPayload }: Target): void {
  if (length > maxPayload) throw new PayloadTooLarge(`${length} bytes`, name, maxPayload, what);
}
