import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { formatDuration } from '@dcf/sdk/units';
import { DcfError, errorCode, messageOf } from '../../core/errors.js';
import { checkedAddresses, type DownloadRules, showUrl, TransientError } from './download-rules.js';

const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];
const defaultIdleMs = 30_000;

/** What a connection fails with when the next one may not. */
const transientCodes = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** What a server answers, as its bytes come. */
export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  /** Throws as `openDownload` does. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Ends the connection. */
  close(): void;
}

/**
 * Asks for a file and follows redirects, each of which is checked as the first address is.
 *
 * @throws DcfError FAILED_PRECONDITION for what the rules do not allow and for what will not change; TransientError for what
 *   may; the signal's reason when it aborts
 */
export async function openDownload(
  source: string,
  headers: Readonly<Record<string, string>>,
  rules: DownloadRules,
  signal: AbortSignal,
): Promise<Answer> {
  let url = new URL(source);
  for (let hops = 0; ; hops++) {
    signal.throwIfAborted();
    const addresses = await checkedAddresses(url, rules);
    const answer = await ask(url, addresses, headers, rules, signal);
    if (!redirects.includes(answer.status)) return answer;
    answer.close();
    const { location } = answer.headers;
    if (location === undefined || !URL.canParse(location, url.href)) {
      throw new DcfError('FAILED_PRECONDITION', `${showUrl(url)} redirects to no address`);
    }
    if (hops === maxRedirects) throw new DcfError('FAILED_PRECONDITION', `${showUrl(url)} redirects more than ${maxRedirects} times`);
    url = new URL(location, url);
  }
}

async function ask(
  url: URL,
  addresses: readonly LookupAddress[],
  headers: Readonly<Record<string, string>>,
  rules: DownloadRules,
  signal: AbortSignal,
): Promise<Answer> {
  const idleMs = rules.idleMs ?? defaultIdleMs;
  let stalled = false;
  const request = httpsRequest(url, {
    // A connection of its own: one that is kept open would belong to a host that was looked up before.
    agent: false,
    headers: { 'user-agent': 'dcfd', 'accept-encoding': 'identity', ...headers },
    lookup: pinnedTo(addresses),
    timeout: idleMs,
    signal,
    ...(rules.ca === undefined ? {} : { ca: [...rootCertificates, rules.ca] }),
  });
  const fault = (error: unknown): unknown => {
    if (signal.aborted) return signal.reason;
    if (stalled) return new TransientError(`${url.host} was silent for ${formatDuration(idleMs)}`);
    return connectionError(url, error);
  };
  request.on('timeout', () => {
    stalled = true;
    request.destroy(new Error('stalled'));
  });
  request.on('error', () => undefined);
  request.end();
  let response: IncomingMessage;
  try {
    [response] = await once(request, 'response');
  } catch (error) {
    throw fault(error);
  }
  response.on('error', () => undefined);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    close: () => request.destroy(),
    async *chunks() {
      try {
        for await (const chunk of response) yield chunk;
      } catch (error) {
        throw fault(error);
      }
    },
  };
}

/** A look-up that gives what was checked, whatever the name means by now. */
function pinnedTo(addresses: readonly LookupAddress[]): LookupFunction {
  return (_host, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
}

function connectionError(url: URL, error: unknown): Error {
  const code = errorCode(error);
  const text = error instanceof Error && error.message === '' ? (code ?? error.name) : messageOf(error);
  if (code !== undefined && transientCodes.has(code)) return new TransientError(`the connection to ${url.host} broke: ${text}`);
  const isCertificate = code !== undefined && /CERT|SIGNATURE/.test(code);
  const advice = isCertificate ? '; --resource-ca of the daemon names authorities that it trusts besides the usual ones' : '';
  return new DcfError('FAILED_PRECONDITION', `${showUrl(url)} cannot be fetched: ${text}${advice}`, { cause: error });
}
