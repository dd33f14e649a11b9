import { DcfError } from '../errors.js';
import { readTimeout } from '../timeout.js';
import { formatSize, parseSize } from '../units.js';
import type { Address } from './address.js';

/** What a channel is made of. */
export interface ChannelSettings {
  address: Address;
  /** `undefined`: plaintext. */
  tls: TlsOptions | undefined;
  /** Bytes of a message that is received; -1 for no limit. */
  maxReceive: number;
  /** Aborts when the channel is closed. */
  closed: AbortSignal;
}

/** PEM texts of a TLS connection. Without `ca` the system's own certificates are trusted; `cert` and `key` prove who calls. */
export interface TlsOptions {
  ca?: string | Uint8Array | undefined;
  cert?: string | Uint8Array | undefined;
  key?: string | Uint8Array | undefined;
  /** The name in the daemon's certificate, where it is not the URL's. */
  servername?: string | undefined;
}

export interface ConnectionOptions {
  /** Sent as `authorization: Bearer …`. Without TLS anybody on the way can read it: use it so on loopback only. */
  token?: string | undefined;
  tls?: true | TlsOptions | undefined;
  /** How long each call may take, the retries included: `'5s'` or milliseconds. The default is 60 s; more than 24 days is 24 days. */
  timeout?: string | number | undefined;
}

export interface ClientOptions extends ConnectionOptions {
  /** Most bytes of an input or output: `'64MiB'` or bytes. The default is no limit of the client's own. */
  maxPayload?: string | number | undefined;
}

/** What goes along with a call. */
export interface CallHeaders {
  /** The alias or revision to call; the active revision otherwise. */
  alias?: string | undefined;
  /** Your own id of the call, for logs: printable ASCII. The daemon makes one otherwise. */
  requestId?: string | undefined;
  /** Reaches the Handler as `request.metadata`: printable ASCII; keys come there in lower case. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** Reaches the Handler as `request.query`, as the query of a URL does over HTTP. */
  query?: string | URLSearchParams | Readonly<Record<string, string>> | undefined;
  /** Reaches the Handler as `request.contentType`: what the input is. */
  contentType?: string | undefined;
  /** Whether the daemon is asked how the call went; it is unless this says `false`. Of a call that fails it tells anyway. */
  report?: boolean | undefined;
}

/** How long one call may go on. */
export interface CallLimits {
  /** Instead of the client's. */
  timeout?: string | number | undefined;
  /** Cancels the call when it aborts. */
  signal?: AbortSignal | undefined;
  /** Wait for a daemon that is not there until the timeout; otherwise the call fails after two seconds. */
  waitForReady?: boolean | undefined;
}

/** CallLimits, ready for use. */
export interface Limits {
  timeoutMs: number;
  /** Unix milliseconds. */
  deadline: number;
  signal: AbortSignal | undefined;
  waitForReady: boolean;
}

export const defaultTimeoutMs = 60_000;

/**
 * A payload limit in bytes; `undefined` for none.
 *
 * @throws DcfError INVALID_ARGUMENT when `given` is none
 */
export function readMaxPayload(given: string | number | undefined): number | undefined {
  if (given === undefined) return undefined;
  const bytes = typeof given === 'string' ? parseSize(given) : given;
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new DcfError('INVALID_ARGUMENT', `maxPayload is ${JSON.stringify(given)}: give bytes above 0, or a text such as '64MiB'`);
}

/**
 * The TLS options of a channel; `undefined` for plaintext.
 *
 * @throws DcfError INVALID_ARGUMENT when they do not fit one another or the URL
 */
export function readTls({ tls: byUrl, shown }: Address, given: ConnectionOptions['tls']): TlsOptions | undefined {
  if (given === undefined) return byUrl === true ? {} : undefined;
  if (byUrl === false) {
    throw new DcfError('INVALID_ARGUMENT', `the URL says http, but tls is given: write https://${shown}, or leave tls out`);
  }
  const tls = given === true ? {} : given;
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new DcfError('INVALID_ARGUMENT', 'tls.cert and tls.key belong together: give both or neither');
  }
  return tls;
}

/** The limits of a call that begins now. Throws a DcfError INVALID_ARGUMENT for a bad timeout, CANCELLED for an aborted signal. */
export function startLimits({ timeout, signal, waitForReady = false }: CallLimits, fallbackMs: number): Limits {
  const timeoutMs = readTimeout(timeout, fallbackMs);
  if (signal?.aborted === true) throw cancelled(signal);
  return { timeoutMs, deadline: Date.now() + timeoutMs, signal, waitForReady };
}

/** The error of a call whose caller gave up. */
export function cancelled(signal: AbortSignal | undefined): DcfError {
  return new DcfError('CANCELLED', 'the caller cancelled the call', { cause: signal?.reason });
}

/** The refusal of a payload that is larger than the client's own limit. */
export function tooLarge(what: 'input' | 'output', bytes: number, limit: number): DcfError {
  return new DcfError(
    'RESOURCE_EXHAUSTED',
    `the ${what} has ${bytes} bytes, but the client's maxPayload is ${limit} (${formatSize(limit)})`,
  );
}
