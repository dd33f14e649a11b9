import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { DcfError } from '../../core/errors.js';
import type { Authenticator } from '../auth.js';
import type { Cors } from './http-cors.js';

/**
 * Decides who may send a request. A daemon without a token trusts everybody who can reach it, and so any page in a browser on its
 * machine. Therefore it refuses requests with an `origin` that the operator did not name (`--cors-origins`), and requests for another
 * host name, which a page could have made point here (DNS rebinding).
 */
export class Guard {
  /**
   * @param loopback - whether only this machine can reach the address
   * @param cors - which pages may call
   */
  constructor(
    private readonly authenticator: Authenticator,
    private readonly loopback: boolean,
    private readonly cors: Cors | undefined = undefined,
  ) {}

  /** @throws DcfError UNAUTHENTICATED without the token; PERMISSION_DENIED for a request of a page in a browser that may not call */
  check(headers: IncomingHttpHeaders): void {
    if (this.authenticator.required) {
      this.authenticator.check(headers.authorization);
      return;
    }
    if (headers.origin !== undefined && this.cors?.allows(headers.origin) !== true) {
      throw notFromPages(headers.origin, 'a daemon without a token refuses requests from pages in a browser, unless');
    }
    const { host } = headers;
    if (!this.loopback || host === undefined || isOwnName(host)) return;
    const shown = JSON.stringify(host.slice(0, 80));
    const rule = 'a daemon without a token accepts only localhost or an IP address as its host name';
    throw new DcfError('PERMISSION_DENIED', `${rule}, not ${shown}; for other names start it with a token (DCF_TOKEN) and send that`);
  }

  /** Whether `check` lets the request through: its sender may then also see names and reasons. */
  trusts(headers: IncomingHttpHeaders): boolean {
    try {
      this.check(headers);
      return true;
    } catch {
      return false;
    }
  }
}

/**
 * PERMISSION_DENIED for a request from a page of an origin that may not call.
 *
 * @param rule - the beginning of the message, which ends before "--cors-origins names their origin"
 */
export function notFromPages(origin: string, rule: string): DcfError {
  const shown = JSON.stringify(origin.slice(0, 80));
  return new DcfError('PERMISSION_DENIED', `${rule} --cors-origins (DCF_CORS_ORIGINS) names their origin; this page's origin is ${shown}`);
}

/** Whether a `host` header has an IP address or a name that always means this machine: no name server can point it elsewhere. */
function isOwnName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
