import { DcfError, notStarted, PayloadTooLarge } from '../../core/errors.js';
import type { FunctionName } from '../../core/names.js';
import type { Invocation } from '../../pool/calls/invocation.js';
import type { FunctionPool } from '../../pool/function-pool.js';
import type { NextPlace } from '../../pool/scheduling/hand-over.js';
import type { Canary } from './canary.js';

/** The pool that a call goes to, and what depends on its revision. */
export interface Target {
  name: FunctionName;
  pool: FunctionPool;
  /** Most bytes of one input. */
  maxPayload: number;
  /** Counts how calls ended, if the revision is a canary. */
  canary: Canary | undefined;
  /** Whether each call gets a line in the function's log. */
  callLog: boolean;
}

/** The target of calls to a revision, or why there is none. */
export type Destination = { kind: 'pool'; target: Target } | { kind: 'starting' } | { kind: 'failed'; reason: string };

/** A target's part of the calls that name no revision. */
export interface TargetShare {
  target: Target;
  percent: number;
}

/** The destinations of a function's calls. */
export interface Route {
  active: Destination;
  /** The parts of the calls that name no revision; empty if the active revision gets all of them. */
  shares: readonly TargetShare[];
  /** The destinations of calls that name an alias or a revision. */
  named: ReadonlyMap<string, Destination>;
}

interface LiveRoute extends Route {
  split: Split | undefined;
}

/** Chooses the pool that a call goes to. */
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
   * Chooses the target of a call. It must be called once for each call: where revisions have shares, it deals the calls out.
   *
   * @param selector - an alias or a revision; `undefined` for the active revision, or one that has a share of the calls
   * @throws DcfError NOT_FOUND; FAILED_PRECONDITION or UNAVAILABLE when the function cannot take calls
   */
  resolve(name: FunctionName, selector: string | undefined): Target {
    const route = this.routeOf(name);
    return selector === undefined ? (route.split?.pick() ?? targetOf(route.active, name)) : namedTarget(route, name, selector);
  }

  /** The target that `resolve` would choose now. Throws as it does. */
  peek(name: FunctionName, selector: string | undefined): Target {
    const route = this.routeOf(name);
    return selector === undefined ? (route.split?.peek() ?? targetOf(route.active, name)) : namedTarget(route, name, selector);
  }

  private routeOf(name: FunctionName): LiveRoute {
    const route = this.routes.get(name);
    if (route === undefined) throw new DcfError('NOT_FOUND', `there is no function ${name}`);
    return route;
  }
}

function namedTarget({ named }: Route, name: FunctionName, selector: string): Target {
  const destination = named.get(selector);
  if (destination === undefined)
    throw new DcfError(
      'NOT_FOUND',
      `${name} has no alias and no running revision ${JSON.stringify(selector.slice(0, 80))}; "dcf describe ${name}" lists them`,
    );
  return targetOf(destination, name);
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

interface DealtShare extends TargetShare {
  /** What the target is owed, in percent of a call. */
  credit: number;
}

/**
 * Distributes calls by weight, evenly and without chance: with 90 and 10, every tenth call goes to the second target. The algorithm is the
 * smooth weighted round robin of nginx, https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1.
 */
export class Split {
  private readonly shares: readonly DealtShare[];
  private readonly sum: number;

  constructor(shares: readonly TargetShare[]) {
    this.shares = shares.map((share) => ({ ...share, credit: 0 }));
    this.sum = shares.reduce((total, { percent }) => total + percent, 0);
  }

  /** The target of the next call; `undefined` if the target whose turn it is takes no calls: the call then goes to the active revision. */
  pick(): Target | undefined {
    const next = this.next();
    for (const share of this.shares) share.credit += share.percent;
    if (next !== undefined) next.credit -= this.sum;
    return takesCalls(next?.target);
  }

  /** The target that `pick` would return now. */
  peek(): Target | undefined {
    return takesCalls(this.next()?.target);
  }

  /** The share whose turn it is. */
  private next(): DealtShare | undefined {
    let best = this.shares[0];
    for (const share of this.shares) {
      if (best === undefined || share.credit + share.percent > best.credit + best.percent) best = share;
    }
    return best;
  }
}

function takesCalls(target: Target | undefined): Target | undefined {
  return target === undefined || target.canary?.isOver === true || !target.pool.available ? undefined : target;
}

/**
 * Where a queued call goes after the release has changed: to where a new call would go. A call that names a revision which gets no more calls
 * stays with that revision.
 *
 * @param from - the pool in whose queue it is
 * @param keepsShare - whether that pool still gets calls that name no revision
 */
export function nextPlace({ selector, input }: Invocation, from: FunctionPool, now: Route, keepsShare: boolean): NextPlace<FunctionPool> {
  if (selector === undefined && keepsShare) return { kind: 'stay' };
  const destination = selector === undefined ? now.active : now.named.get(selector);
  if (destination?.kind !== 'pool' || destination.target.pool === from) return { kind: 'stay' };
  const { pool, name, maxPayload } = destination.target;
  if (input.length <= maxPayload) return { kind: 'pool', pool };
  return { kind: 'refused', error: new PayloadTooLarge(`${input.length} bytes`, name, maxPayload) };
}
