import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { DcfError, errorCode, messageOf } from '../../core/errors.js';
import { isPublicAddress } from './download-address.js';

/** A failure after which another try may succeed. */
export class TransientError extends Error {}

/** What the daemon's operator allows to be downloaded, and how. */
export interface DownloadRules {
  /** The most bytes of one resource. */
  maxBytes: number;
  /** Allowed hosts in lower case: `example.com`, or `*.example.com` for all hosts below it. An empty list allows every public host. */
  hosts: readonly string[];
  /** Hosts, as `host:port` in lower case, whose addresses need not be public. */
  allowPrivate: readonly string[];
  /** Certificate authorities to trust besides the usual ones, as PEM. */
  ca?: string | undefined;
  /** Milliseconds that a server may be silent. @default 30 s */
  idleMs?: number;
  /** Milliseconds before the second try; later pauses are longer. @default 1 s */
  retryMs?: number;
  /** Milliseconds between two reports of the progress. @default 5 s */
  progressMs?: number;
  /** Finds the addresses of a host; replaced in tests. @default the system's resolver */
  resolve?: (host: string) => Promise<readonly LookupAddress[]>;
}

/** A URL for messages, without its query, which may contain a secret. */
export function showUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/**
 * Looks up and checks the addresses of a URL's host. The caller has to connect to one of the returned addresses: a second look-up
 * might give others.
 *
 * @throws DcfError FAILED_PRECONDITION when the URL, its host or any of its addresses is not allowed; TransientError when the
 *   look-up may succeed later
 */
export async function checkedAddresses(url: URL, rules: DownloadRules): Promise<readonly LookupAddress[]> {
  if (url.protocol !== 'https:') throw refuse(url, 'is not an https address');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const isPrivateAllowed = rules.allowPrivate.includes(`${url.hostname.toLowerCase()}:${url.port || '443'}`);
  if (!isPrivateAllowed && !isHostAllowed(host, rules.hosts)) {
    throw refuse(url, `is on a host that this daemon does not fetch from; it allows ${rules.hosts.join(', ')} (--resource-hosts)`);
  }
  const addresses = await addressesOf(host, rules);
  const refused = addresses.find(({ address }) => !isPublicAddress(address));
  if (refused !== undefined && !isPrivateAllowed) {
    const advice = `to allow it, start dcfd with --resource-allow-private ${url.hostname}:${url.port || '443'}`;
    throw refuse(url, `is at ${refused.address}, which is not a public address; ${advice}`);
  }
  return addresses;
}

function isHostAllowed(host: string, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return true;
  const name = host.replace(/\.$/, '');
  return patterns.some((pattern) => (pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern));
}

async function addressesOf(host: string, rules: DownloadRules): Promise<readonly LookupAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  try {
    const found = await (rules.resolve ?? resolveAll)(host);
    if (found.length > 0) return found;
  } catch (error) {
    const message = `the host ${host} was not found: ${errorCode(error) ?? messageOf(error)}`;
    if (errorCode(error) === 'EAI_AGAIN') throw new TransientError(message);
    throw new DcfError('FAILED_PRECONDITION', message, { cause: error });
  }
  throw new DcfError('FAILED_PRECONDITION', `the host ${host} has no address`);
}

function resolveAll(host: string): Promise<readonly LookupAddress[]> {
  return lookup(host, { all: true });
}

function refuse(url: URL, problem: string): DcfError {
  return new DcfError('FAILED_PRECONDITION', `${showUrl(url)} ${problem}`);
}
