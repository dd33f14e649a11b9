import { DcfError } from '../errors.js';

/** The port of a daemon whose URL has no port. */
export const defaultPort = 32222;

/** The address of a daemon. */
export type Address = TcpAddress | UnixAddress;

export interface TcpAddress {
  kind: 'tcp';
  /** `host:port`, IPv6 in brackets; for people. */
  shown: string;
  /** A name in lower case, or an address; IPv6 in its shortest form and without brackets. */
  host: string;
  port: number;
  /** Whether the URL asks for TLS: true for https, false for http, `undefined` for any other scheme. */
  tls: boolean | undefined;
  /** Whether the host is this machine: a loopback address, or a name such as `localhost`. */
  loopback: boolean;
}

/** A Unix socket of this machine. */
export interface UnixAddress {
  kind: 'unix';
  /** `unix:/path`; for people, and for grpc-js. */
  shown: string;
}

/** Most bytes of the path of a Unix socket: the system's structure of 108 (104 beyond Linux) ends with a zero, and Node cuts a longer one. */
const maxSocketPath = process.platform === 'linux' ? 107 : 103;
/** As gRPC has it: with an empty authority or without one. */
const socketPattern = /^unix:(?:\/\/(?=\/))?(?<path>\/[^/\s\p{Cc}][^\s\p{Cc}]*)$/u;
const urlPattern = /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?<host>\[[^\]]*\]|[A-Za-z0-9._-]+)(?::(?<port>\d{1,5}))?\/?$/;
const tlsByScheme = new Map<string | undefined, boolean | undefined>([
  [undefined, undefined],
  ['dcf', undefined],
  ['http', false],
  ['https', true],
]);

/**
 * Reads a daemon's URL: `localhost`, `localhost:32222`, `[::1]:32222`, `dcf://…`, `http://…` (plaintext), `https://…` (TLS), or
 * `unix:/path` for a Unix socket.
 *
 * @throws DcfError INVALID_ARGUMENT for a malformed URL
 */
export function parseAddress(url: string): Address {
  return /^unix[:-]/.test(url) ? parseSocket(url) : parseTcp(url);
}

function parseSocket(url: string): UnixAddress {
  const { path } = socketPattern.exec(url)?.groups ?? {};
  if (path === undefined) throw badUrl(url, 'write unix:/PATH, an absolute path without blanks, such as unix:/run/dcf/dcf.sock');
  const length = Buffer.byteLength(path);
  if (length > maxSocketPath) throw badUrl(url, `its path has ${length} bytes, and a Unix socket's has at most ${maxSocketPath}`);
  return { kind: 'unix', shown: `unix:${path}` };
}

function parseTcp(url: string): TcpAddress {
  const { scheme, host, port } = urlPattern.exec(url)?.groups ?? {};
  if (host === undefined)
    throw badUrl(url, isIPv6(`[${url}]`) ? `write [${url}]:${defaultPort}` : 'write HOST:PORT, such as localhost:32222');
  if (!tlsByScheme.has(scheme)) throw badUrl(url, `the scheme ${scheme} is not known: use dcf, http or https`);
  if (host.startsWith('[') && !isIPv6(host)) throw badUrl(url, `${host} is not an IPv6 address`);
  const number = port === undefined ? defaultPort : Number(port);
  if (number < 1 || number > 65535) throw badUrl(url, `a port is a number from 1 to 65535`);
  const canonical = canonicalHost(host);
  const tls = tlsByScheme.get(scheme);
  return { kind: 'tcp', shown: `${host}:${number}`, host: canonical, port: number, tls, loopback: isLoopback(canonical) };
}

/** The host in its one canonical form, by the rules of URLs (https://url.spec.whatwg.org/#host-parsing). */
function canonicalHost(host: string): string {
  const url = `http://${host}`;
  const name = URL.canParse(url) ? new URL(url).hostname : host.toLowerCase();
  return name.replace(/^\[|\]$/g, '');
}

/** Whether a host is this machine. `0.0.0.0` and `::` reach it, too. */
function isLoopback(host: string): boolean {
  return /^((.*\.)?localhost\.?|127\.\d+\.\d+\.\d+|0\.0\.0\.0|::1?|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})$/.test(host);
}

/** Whether a text is an IPv6 address in brackets. It does not use node:net, which takes longer to load than this whole package. */
function isIPv6(bracketed: string): boolean {
  return URL.canParse(`http://${bracketed}`);
}

function badUrl(url: string, advice: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', `${JSON.stringify(url)} is not a URL of a DCF daemon: ${advice}`);
}
