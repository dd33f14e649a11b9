import { DcfError } from '../core/errors.js';
import type { FunctionPool } from '../pool/function-pool.js';

/** Where a call goes. */
export interface Target {
  pool: FunctionPool;
  /** Bytes of one input. */
  maxPayload: number;
}

/** What is known of a function to which calls can come. */
export interface Route {
  revision: string;
  target: Target;
  aliases: ReadonlyMap<string, string>;
}

/** Picks the revision of a function that a call goes to. */
export class Router {
  private readonly routes = new Map<string, Route>();

  set(name: string, route: Route): void {
    this.routes.set(name, route);
  }

  get(name: string): Route | undefined {
    return this.routes.get(name);
  }

  delete(name: string): void {
    this.routes.delete(name);
  }

  /**
   * @param selector - an alias or a revision; the active revision where it is missing
   * @throws DcfError NOT_FOUND
   */
  resolve(name: string, selector: string | undefined): Target {
    const route = this.routes.get(name);
    if (route === undefined) throw new DcfError('NOT_FOUND', `there is no function ${name}; dcf list shows those that are deployed`);
    if (selector === undefined) return route.target;
    const revision = route.aliases.get(selector) ?? selector;
    if (revision !== route.revision) throw new DcfError('NOT_FOUND', `${name} has no alias and no running revision ${JSON.stringify(selector.slice(0, 80))}`);
    return route.target;
  }
}
