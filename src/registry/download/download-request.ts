import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { formatDuration } from '@dcf/sdk/units';
import { DcfError, errorCode, messageOf } from '../../core/errors.js';
import { checkedAddresses, type DownloadRules, showUrl, TransientError } from './download-rules.js';

const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];
const defaultIdleMs = 30_000;

/** Errors of a connection after which another try may succeed. */
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

/** The answer of a server. */
export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  /** The body, as it comes. Throws as `openDownload` does. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Ends the connection. */
  close(): void;
}

/**
 * Requests a file and follows redirects. The address of each redirect is checked like the first one.
 *
 * @throws DcfError FAILED_PRECONDITION when the rules do not allow an address, or when another try would fail, too; TransientError
 *   when another try may succeed; the signal's reason when it aborts
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
      throw new DcfError('FAILED_PRECONDITION', `${showUrl(url)} redirects without a valid address in its location header`);
    }
    if (hops === maxRedirects) throw new DcfError('FAILED_PRECONDITION', `${showUrl(url)} redirects more than ${maxRedirects} times`);
    url = new URL(location, url);
  }
}

let knownContext: { ca: string; context: SecureContext } | undefined;

/** Trusts these authorities besides the usual ones. It is made once: to read all of them takes longer than a connection. */
function contextWith(ca: string): SecureContext {
  if (knownContext?.ca !== ca) knownContext = { ca, context: createSecureContext({ ca: [...rootCertificates, ca] }) };
  return knownContext.context;
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
    // No agent: a connection that it keeps open was made to an address that was looked up, and checked, earlier.
    agent: false,
    headers: { 'user-agent': 'dcfd', 'accept-encoding': 'identity', ...headers },
    lookup: pinnedTo(addresses),
    timeout: idleMs,
    signal,
    ...(rules.ca === undefined ? {} : { secureContext: contextWith(rules.ca) }),
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

/** A look-up that returns the addresses that were checked: the host's name may have others by now. */
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
  const advice = isCertificate ? '; to trust another certificate authority, start dcfd with --resource-ca' : '';
  return new DcfError('FAILED_PRECONDITION', `${showUrl(url)} cannot be fetched: ${text}${advice}`, { cause: error });
}
