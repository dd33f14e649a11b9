import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Address, TcpAddress } from './address.js';

/** How a daemon is reached. */
export type Route =
  | { kind: 'direct' }
  /**
   * Through an HTTP proxy, by CONNECT. `host` is the daemon's, `proxy` the proxy's `host:port`, `variable` the environment variable that
   * names it.
   */
  | { kind: 'proxy'; host: string; proxy: string; variable: string; credentials: string | undefined };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables that may name a proxy: those of gRPC (https://grpc.github.io/grpc/core/md_doc_environment_variables.html), and as for curl
 * also HTTPS_PROXY, but not HTTP_PROXY.
 */
const proxyVariables = ['grpc_proxy', 'https_proxy', 'HTTPS_PROXY', 'http_proxy'];
const exceptVariables = ['no_grpc_proxy', 'no_proxy', 'NO_PROXY'];

/**
 * How to reach a daemon: through the proxy that the environment names, or directly. This machine itself is always reached directly, and so
 * is every host in `no_proxy`: names (with their subdomains, with or without a leading dot), addresses, networks such as 10.0.0.0/8, each
 * with or without a port, or * for all. As in gRPC, only http:// proxies are used.
 */
export function routeTo(address: Address, environment: Environment = process.env): Route {
  if (address.kind === 'unix' || address.loopback) return { kind: 'direct' };
  const variable = proxyVariables.find((name) => (environment[name] ?? '').trim() !== '');
  const proxy = variable === undefined ? undefined : parseProxy(environment[variable] ?? '');
  if (variable === undefined || proxy === undefined) return { kind: 'direct' };
  const excepted = exceptVariables.map((name) => environment[name] ?? '').find((list) => list.trim() !== '') ?? '';
  const entries = excepted.split(/[\s,]+/).filter((entry) => entry !== '');
  return entries.some((entry) => covers(entry, address)) ? { kind: 'direct' } : { kind: 'proxy', host: address.host, variable, ...proxy };
}

function parseProxy(text: string): { proxy: string; credentials: string | undefined } | undefined {
  const trimmed = text.trim();
  const url = trimmed.includes('://') ? trimmed : `http://${trimmed}`;
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname, port, username, password } = new URL(url);
  if (protocol !== 'http:' || hostname === '') return undefined;
  const credentials = username === '' ? undefined : `${decoded(username)}:${decoded(password)}`;
  return { proxy: `${hostname}:${port === '' ? 80 : port}`, credentials };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function covers(entry: string, { host, port }: TcpAddress): boolean {
  if (entry === '*') return true;
  const [, base = '', bits = ''] = /^\[?([^\]]+?)\]?\/(\d{1,3})$/.exec(entry) ?? [];
  if (isIP(base) !== 0) return isIP(host) === isIP(base) && inNetwork(host, base, Number(bits));
  const [, bracketed, plain, entryPort] = isIPv6(entry) ? [entry, entry] : (/^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? []);
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  const name = (bracketed ?? plain ?? '').toLowerCase().replace(/^\*?\.+|\.$/g, '');
  if (name === '') return false;
  if (isIP(name) !== 0) return isIP(host) === isIP(name) && inNetwork(host, name, isIPv6(name) ? 128 : 32);
  const own = host.replace(/\.$/, '');
  return own === name || own.endsWith(`.${name}`);
}

function inNetwork(host: string, base: string, bits: number): boolean {
  const family = isIPv6(base) ? 'ipv6' : 'ipv4';
  if (bits > (family === 'ipv6' ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(base, bits, family);
  return list.check(host, family);
}
