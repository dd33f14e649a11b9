import type { IncomingHttpHeaders } from 'node:http';
import { allMethods } from './http-routes.js';

/** The daemon's own headers that a page may read, besides those that every page may. */
const exposed = 'dcf-request-id, dcf-report, dcf-not-started, retry-after, www-authenticate';
/** How long a browser may remember a preflight's answer, in seconds; none remembers it for longer than two hours. */
const maxAgeSeconds = 7_200;
const headerList = /^[\w!#$%&'*+.^`|~, -]*$/;

/** Which pages in browsers may read what the daemon answers: those of the origins that its operator names. */
export class Cors {
  private readonly any: boolean;
  private readonly exact: ReadonlySet<string>;
  private readonly patterns: readonly RegExp[];

  /** @param origins - such as `https://a.example` and `https://*.b.example`, in lower case; `*` for all */
  constructor(origins: readonly string[]) {
    this.any = origins.includes('*');
    this.exact = new Set(origins.filter((origin) => !origin.includes('*')));
    this.patterns = origins.filter((origin) => origin.includes('*.')).map(patternOf);
  }

  /** Whether a page of this origin may read answers. */
  allows(origin: string): boolean {
    return this.any || this.exact.has(origin) || this.patterns.some((pattern) => pattern.test(origin));
  }

  /** What goes with each answer to a request: caches, too, have to know that it is for one origin. */
  headersFor({ origin }: IncomingHttpHeaders): Readonly<Record<string, string>> {
    if (this.any) return origin === undefined ? {} : { 'access-control-allow-origin': '*', 'access-control-expose-headers': exposed };
    if (origin === undefined || !this.allows(origin)) return { vary: 'Origin' };
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      // Cookies go along for origins that were named, and never for all of them.
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': exposed,
    };
  }

  /** What answers the question whether a page may send a request, besides what goes with every answer. */
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

/** Whether a request asks what a page may send. */
export function isPreflight(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/** `https://*.b.example` is any name below that one, and not the name itself. */
function patternOf(origin: string): RegExp {
  const [scheme = '', rest = ''] = origin.split('*.', 2);
  const escaped = (text: string): string => text.replace(/[.:/[\]]/g, '\\$&');
  return new RegExp(`^${escaped(scheme)}[a-z0-9_-]+(\\.[a-z0-9_-]+)*\\.${escaped(rest)}$`);
}
