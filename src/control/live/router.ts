import { DcfError, notStarted, PayloadTooLarge } from '../../core/errors.js';
import type { FunctionName } from '../../core/names.js';
import type { Invocation } from '../../pool/calls/invocation.js';
import type { FunctionPool, NextPlace } from '../../pool/function-pool.js';
import type { Canary } from './canary.js';

/** Where a call goes. */
export interface Target {
  name: FunctionName;
  pool: FunctionPool;
  /** Bytes of one input. */
  maxPayload: number;
  /** To be told how each call ended. */
  canary: Canary | undefined;
  /** Whether each call gets a line in the function's log. */
  callLog: boolean;
}

/** What calls to a revision meet: a pool, or the reason why there is none. */
export type Destination = { kind: 'pool'; target: Target } | { kind: 'starting' } | { kind: 'failed'; reason: string };

/** A part of the calls that name no revision. */
export interface TargetShare {
  target: Target;
  percent: number;
}

/** What calls to a function meet. */
export interface Route {
  active: Destination;
  /** Empty: the active revision gets every call that names none. */
  shares: readonly TargetShare[];
  /** By alias and by revision. */
  named: ReadonlyMap<string, Destination>;
}

interface LiveRoute extends Route {
  split: Split | undefined;
}

/** Picks the pool that a call goes to. */
export class Router {
  private readonly routes = new Map<string, LiveRoute>();

  set(name: FunctionName, route: Route): void {
    const { shares } = route;
    this.routes.set(name, { ...route, split: shares.length === 0 ? undefined : new Split(shares) });
  }

  delete(name: FunctionName): void {
    this.routes.delete(name);
  }

  /**
   * @param selector - an alias or a revision; the active revision, or one that has a share, where it is missing
   * @throws DcfError NOT_FOUND; FAILED_PRECONDITION or UNAVAILABLE when the function cannot take calls
   */
  resolve(name: FunctionName, selector: string | undefined): Target {
    const route = this.routes.get(name);
    if (route === undefined) throw new DcfError('NOT_FOUND', `there is no function ${name}`);
    if (selector === undefined) return route.split?.pick() ?? targetOf(route.active, name);
    const destination = route.named.get(selector);
    if (destination === undefined)
      throw new DcfError('NOT_FOUND', `${name} has no alias and no running revision ${JSON.stringify(selector.slice(0, 80))}`);
    return targetOf(destination, name);
  }
}

function targetOf(destination: Destination, name: FunctionName): Target {
  switch (destination.kind) {
    case 'pool':
      return destination.target;
    case 'starting':
      throw notStarted(`${name} is being started`, { retryAfterMs: 100 });
    case 'failed':
      throw new DcfError('FAILED_PRECONDITION', `${name} is not ready: ${destination.reason}`);
    default:
      return destination satisfies never;
  }
}

/**
 * Deals calls out by weight, evenly and without chance: of 90 and 10, every tenth call goes to the second. The smooth weighted
 * round robin of nginx, https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1.
 */
export class Split {
  private readonly shares: (TargetShare & { credit: number })[];
  private readonly sum: number;

  constructor(shares: readonly TargetShare[]) {
    this.shares = shares.map((share) => ({ ...share, credit: 0 }));
    this.sum = shares.reduce((total, { percent }) => total + percent, 0);
  }

  /** The next call's target; `undefined` when that takes no calls, so that the active revision has to. */
  pick(): Target | undefined {
    let best = this.shares[0];
    for (const share of this.shares) {
      share.credit += share.percent;
      if (best === undefined || share.credit > best.credit) best = share;
    }
    if (best === undefined) return undefined;
    best.credit -= this.sum;
    const { target } = best;
    return target.canary?.isOver === true || !target.pool.available ? undefined : target;
  }
}

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
