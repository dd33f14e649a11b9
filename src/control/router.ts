import { DcfError, notStarted } from '../core/errors.js';
import type { FunctionName } from '../core/names.js';
import type { FunctionPool } from '../pool/function-pool.js';

/** Where a call goes. */
export interface Target {
  pool: FunctionPool;
  /** Bytes of one input. */
  maxPayload: number;
}

/** What calls to a function meet: a pool, or the reason why there is none. */
export type Route = { kind: 'pool'; revision: string; target: Target } | { kind: 'starting' } | { kind: 'failed'; reason: string };

/** Picks the pool that a call goes to. */
export class Router {
  private readonly routes = new Map<string, Route>();

  set(name: FunctionName, route: Route): void {
    this.routes.set(name, route);
  }

  delete(name: FunctionName): void {
    this.routes.delete(name);
  }

  /**
   * @param selector - a revision; the active one where it is missing
   * @throws DcfError NOT_FOUND; FAILED_PRECONDITION or UNAVAILABLE when the function cannot take calls
   */
  resolve(name: FunctionName, selector: string | undefined): Target {
    const route = this.routes.get(name);
    switch (route?.kind) {
      case 'pool':
        if (selector === undefined || selector === route.revision) return route.target;
        throw new DcfError('NOT_FOUND', `${name} has no alias and no running revision ${JSON.stringify(selector.slice(0, 80))}`);
      case 'starting':
        throw notStarted(`${name} is being started`, { retryAfterMs: 100 });
      case 'failed':
        throw new DcfError('FAILED_PRECONDITION', `${name} is not ready: ${route.reason}`);
      case undefined:
        throw new DcfError('NOT_FOUND', `there is no function ${name}`);
      default:
        return route satisfies never;
    }
  }
}
