import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { DcfError, errorCode, messageOf } from '../../core/errors.js';
import { isPublicAddress } from './download-address.js';

/** A failure that another try may not meet. */
export class TransientError extends Error {}

/** What the daemon's operator allows to be downloaded, and how. */
export interface DownloadRules {
  /** Most bytes of one resource. */
  maxBytes: number;
  /** `example.com`, or `*.example.com` for all below it; none: every public host. In lower case. */
  hosts: readonly string[];
  /** `host:port` of hosts that may have an address that is not public. In lower case. */
  allowPrivate: readonly string[];
  /** More certificate authorities, PEM. */
  ca?: string | undefined;
  /** How long a server may be silent; 30 s. */
  idleMs?: number;
  /** The first pause before another try; 1 s. */
  retryMs?: number;
  /** How often progress is told; every 5 s. */
  progressMs?: number;
  /** Finds the addresses of a host; replaced in tests. */
  resolve?: (host: string) => Promise<readonly LookupAddress[]>;
}

/** An address for messages: what may be a secret, a query, is left out. */
export function showUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/**
 * The addresses that a URL may be fetched from. Whoever connects has to use one of these very addresses: a second look-up
 * might give others.
 *
 * @throws DcfError FAILED_PRECONDITION when the URL, its host or any of its addresses is not allowed; TransientError when the
 *   look-up may succeed later
 */
export async function checkedAddresses(url: URL, rules: DownloadRules): Promise<readonly LookupAddress[]> {
  if (url.protocol !== 'https:') throw refuse(url, 'is no https address');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const isPrivateAllowed = rules.allowPrivate.includes(`${url.hostname.toLowerCase()}:${url.port || '443'}`);
  if (!isPrivateAllowed && !isHostAllowed(host, rules.hosts)) {
    throw refuse(url, `is of a host that this daemon does not fetch from; --resource-hosts names ${rules.hosts.join(', ')}`);
  }
  const addresses = await addressesOf(host, rules);
  const refused = addresses.find(({ address }) => !isPublicAddress(address));
  if (refused !== undefined && !isPrivateAllowed) {
    const advice = `--resource-allow-private ${url.hostname}:${url.port || '443'} of the daemon allows it`;
    throw refuse(url, `is at ${refused.address}, which is no address of the public internet; ${advice}`);
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
