import type { Target } from '../control/router.js';
import { PayloadTooLarge } from '../core/errors.js';

/** Throws a PayloadTooLarge for an input, or a chunk of one, that is over its function's limit. */
export function checkPayload({ length }: Uint8Array, what: 'input' | 'chunk', { name, maxPayload }: Target): void {
  if (length > maxPayload) throw new PayloadTooLarge(`${length} bytes`, name, maxPayload, what);
}
