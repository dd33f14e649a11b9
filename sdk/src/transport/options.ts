import { DcfError } from '../errors.js';
import { readTimeout } from '../timeout.js';
import { formatSize, parseSize } from '../units.js';
import type { Address } from './address.js';

/** The settings of a channel. */
export interface ChannelSettings {
  address: Address;
  /** `undefined` for a connection without TLS. */
  tls: TlsOptions | undefined;
  /** Most bytes of a message from the daemon; -1 for no limit. */
  maxReceive: number;
  /** Aborts when the channel is closed. */
  closed: AbortSignal;
}

/** Options of a TLS connection. Certificates and keys are in PEM format. */
export interface TlsOptions {
  /** The certificate authorities to trust. @default those of the system */
  ca?: string | Uint8Array | undefined;
  /** The client's certificate, for a daemon or proxy that asks for one. @default none */
  cert?: string | Uint8Array | undefined;
  /** The private key of `cert`. */
  key?: string | Uint8Array | undefined;
  /** The host name in the daemon's certificate. @default the host of the URL */
  servername?: string | undefined;
}

/** Options of a connection to a daemon. */
export interface ConnectionOptions {
  /** The daemon's token, sent as `authorization: Bearer …`. Without TLS it can be read on its way: then use it only on loopback. @default none */
  token?: string | undefined;
  /** Options of TLS; `true` for TLS with the system's certificates. @default TLS for https URLs, and none for others */
  tls?: true | TlsOptions | undefined;
  /** How long each call may take with all its tries: milliseconds, or a text such as `'5s'`; at most 24 days. @default '60s' */
  timeout?: string | number | undefined;
}

/** Options of a client that calls functions. */
export interface ClientOptions extends ConnectionOptions {
  /** The largest input or output: bytes, or a text such as `'64MiB'`. @default no limit of the client's own */
  maxPayload?: string | number | undefined;
}

/** Options that are sent with a call. */
export interface CallHeaders {
  /** The alias or revision to call. @default the active revision, or one that has a share of the calls */
  alias?: string | undefined;
  /** The id of the call in logs and reports: up to 128 printable ASCII characters without spaces. @default an id that the daemon makes */
  requestId?: string | undefined;
  /** Metadata in printable ASCII, which the Handler gets as `request.metadata`, with keys in lower case. @default none */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** The query, which the Handler gets as `request.query`, like the query of a URL over HTTP. @default none */
  query?: string | URLSearchParams | Readonly<Record<string, string>> | undefined;
  /** The content type of the input, which the Handler gets as `request.contentType`. @default none */
  contentType?: string | undefined;
  /** Whether to ask the daemon for a report of the call. A call that fails has a report in any case. @default true */
  report?: boolean | undefined;
}

/** Limits of one call. */
export interface CallLimits {
  /** How long the call may take with all its tries: milliseconds, or a text such as `'5s'`. @default the client's timeout */
  timeout?: string | number | undefined;
  /** Cancels the call when it aborts. */
  signal?: AbortSignal | undefined;
  /** Whether to wait until the timeout for a daemon that does not answer; otherwise the call fails after two seconds. @default false */
  waitForReady?: boolean | undefined;
}

/** The limits of a call that has begun. */
export interface Limits {
  timeoutMs: number;
  /** Unix milliseconds. */
  deadline: number;
  signal: AbortSignal | undefined;
  waitForReady: boolean;
}

/** The default timeout of a client, in milliseconds. */
export const defaultTimeoutMs = 60_000;

/**
 * Reads a payload limit. Returns bytes; `undefined` for no limit.
 *
 * @throws DcfError INVALID_ARGUMENT when `given` is not a size above 0
 */
export function readMaxPayload(given: string | number | undefined): number | undefined {
  if (given === undefined) return undefined;
  const bytes = typeof given === 'string' ? parseSize(given) : given;
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  const shown = typeof given === 'string' ? JSON.stringify(given) : String(given);
  throw new DcfError('INVALID_ARGUMENT', `maxPayload is ${shown}: give bytes above 0, or a text such as '64MiB'`);
}

/**
 * The TLS options of a channel; `undefined` for a connection without TLS.
 *
 * @throws DcfError INVALID_ARGUMENT when they contradict each other or the URL
 */
export function readTls(address: Address, given: ConnectionOptions['tls']): TlsOptions | undefined {
  if (address.kind === 'unix') {
    if (given === undefined) return undefined;
    throw new DcfError('INVALID_ARGUMENT', `${address.shown} is a Unix socket, which has no TLS: leave tls out`);
  }
  const { tls: byUrl, shown } = address;
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

/** The limits of a call that begins now. @throws DcfError INVALID_ARGUMENT for a wrong timeout; CANCELLED for a signal that is aborted */
export function startLimits({ timeout, signal, waitForReady = false }: CallLimits, fallbackMs: number): Limits {
  const timeoutMs = readTimeout(timeout, fallbackMs);
  if (signal?.aborted === true) throw cancelled(signal);
  return { timeoutMs, deadline: Date.now() + timeoutMs, signal, waitForReady };
}

/** The error of a call that its caller has cancelled. */
export function cancelled(signal: AbortSignal | undefined): DcfError {
  return new DcfError('CANCELLED', 'the caller cancelled the call', { cause: signal?.reason });
}

/** The error for a payload that is larger than the client's own limit. */
export function tooLarge(what: 'input' | 'output', bytes: number, limit: number): DcfError {
  return new DcfError(
    'RESOURCE_EXHAUSTED',
    `the ${what} has ${bytes} bytes, but the client's maxPayload is ${limit} (${formatSize(limit)})`,
  );
}
