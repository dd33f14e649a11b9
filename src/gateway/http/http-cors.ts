import type { IncomingHttpHeaders } from 'node:http';
import { allMethods } from './http-routes.js';

/** The daemon's own headers that a page may read, besides those that the CORS standard allows to every page. */
const exposed = 'dcf-request-id, dcf-report, dcf-not-started, retry-after, www-authenticate';
/** How long a browser may remember a preflight's answer, in seconds. Chromium's own limit is two hours. */
const maxAgeSeconds = 7_200;
const headerList = /^[\w!#$%&'*+.^`|~, -]*$/;

/** Decides which pages in browsers may read the daemon's answers: those of the origins that its operator names (`--cors-origins`). */
export class Cors {
  private readonly any: boolean;
  private readonly exact: ReadonlySet<string>;
  private readonly patterns: readonly RegExp[];

  /** @param origins - in lower case, such as `https://a.example` and `https://*.b.example`; `*` for all origins */
  constructor(origins: readonly string[]) {
    this.any = origins.includes('*');
    this.exact = new Set(origins.filter((origin) => !origin.includes('*')));
    this.patterns = origins.filter((origin) => origin.includes('*.')).map(patternOf);
  }

  /** Whether a page of this origin may read answers. */
  allows(origin: string): boolean {
    return this.any || this.exact.has(origin) || this.patterns.some((pattern) => pattern.test(origin));
  }

  /** The headers of every answer to a request. `vary` tells caches that the answer is for one origin. */
  headersFor({ origin }: IncomingHttpHeaders): Readonly<Record<string, string>> {
    if (this.any) return origin === undefined ? {} : { 'access-control-allow-origin': '*', 'access-control-expose-headers': exposed };
    if (origin === undefined || !this.allows(origin)) return { vary: 'Origin' };
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      // Cookies are allowed for origins that are named, and never for `*`.
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': exposed,
    };
  }

  /** The headers of the answer to a preflight (https://fetch.spec.whatwg.org/#http-cors-protocol), besides those of every answer. */
  preflightHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
    const wanted = headers['access-control-request-headers'];
    const names = typeof wanted === 'string' && wanted.length > 0 && headerList.test(wanted) ? wanted : undefined;
    const isPrivate = headers['access-control-request-private-network'] === 'true';
    return {
      'access-control-allow-methods': allMethods,
      ...(names === undefined ? {} : { 'access-control-allow-headers': names }),
      ...(isPrivate ? { 'access-control-allow-private-network': 'true' } : {}),
      'access-control-max-age': String(maxAgeSeconds),
    };
  }
}

/** Whether a request is a preflight: a browser asks whether a page may send the request itself. */
export function isPreflight(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/** The expression for a pattern: `https://*.b.example` matches every name below `b.example`, but not `b.example` itself. */
function patternOf(origin: string): RegExp {
  const [scheme = '', rest = ''] = origin.split('*.', 2);
  const escaped = (text: string): string => text.replace(/[.:/[\]]/g, '\\$&');
  return new RegExp(`^${escaped(scheme)}[a-z0-9_-]+(\\.[a-z0-9_-]+)*\\.${escaped(rest)}$`);
}
