import { PayloadTooLarge } from '../core/errors.js';
import type { Invocation } from '../pool/calls/invocation.js';
import type { FunctionPool, NextPlace } from '../pool/function-pool.js';
import type { Route } from './router.js';

/**
 * Where a call that waits goes when the release has changed: where a new one would. A call that names what is not served any
 * more is for that revision alone, and stays with it.
 *
 * @param from - the pool that it waits for
 * @param keepsShare - whether calls that name no revision still come to that pool
 */
export function nextPlace({ selector, input }: Invocation, from: FunctionPool, now: Route, keepsShare: boolean): NextPlace {
  if (selector === undefined && keepsShare) return { kind: 'stay' };
  const destination = selector === undefined ? now.active : now.named.get(selector);
  if (destination?.kind !== 'pool' || destination.target.pool === from) return { kind: 'stay' };
  const { pool, name, maxPayload } = destination.target;
  if (input.length <= maxPayload) return { kind: 'pool', pool };
  return { kind: 'refused', error: new PayloadTooLarge(`${input.length} bytes`, name, maxPayload) };
}
