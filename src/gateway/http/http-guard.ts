import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { DcfError } from '../../core/errors.js';
import type { Authenticator } from '../auth.js';
import type { Cors } from './http-cors.js';

/**
 * Decides who may send a request. A daemon without a token trusts whoever reaches it, and a browser on its machine does, for
 * any page that it shows: such requests bear `origin`, or a host name that a stranger made to point here. Pages get in whose origin
 * the operator names.
 */
export class Guard {
  /**
   * @param loopback - only this machine can reach the address
   * @param cors - which pages may call
   */
  constructor(
    private readonly authenticator: Authenticator,
    private readonly loopback: boolean,
    private readonly cors: Cors | undefined = undefined,
  ) {}

  /** @throws DcfError UNAUTHENTICATED; PERMISSION_DENIED for what a page in a browser sends */
  check(headers: IncomingHttpHeaders): void {
    if (this.authenticator.required) {
      this.authenticator.check(headers.authorization);
      return;
    }
    if (headers.origin !== undefined && this.cors?.allows(headers.origin) !== true) {
      throw notFromPages(headers.origin, 'a daemon without a token takes no requests from pages in a browser, unless');
    }
    const { host } = headers;
    if (!this.loopback || host === undefined || isOwnName(host)) return;
    const message = `a daemon without a token is called localhost or by its address, not ${JSON.stringify(host.slice(0, 80))}: set DCF_TOKEN and send it`;
    throw new DcfError('PERMISSION_DENIED', message);
  }

  /** Whether the caller may read more than whether the daemon is ready. */
  trusts(headers: IncomingHttpHeaders): boolean {
    try {
      this.check(headers);
      return true;
    } catch {
      return false;
    }
  }
}

/** PERMISSION_DENIED for what a page of this origin sends. */
export function notFromPages(origin: string, rule: string): DcfError {
  const shown = JSON.stringify(origin.slice(0, 80));
  return new DcfError('PERMISSION_DENIED', `${rule} --cors-origins (DCF_CORS_ORIGINS) names their origin; this one's is ${shown}`);
}

/** Whether a `host` header is an address or a name of this machine that no name server decides on. */
function isOwnName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
