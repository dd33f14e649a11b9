/** Where a server listens: at a port, or at a Unix socket. */
export type ListenAddress = TcpAddress | UnixAddress;

export interface TcpAddress {
  kind: 'tcp';
  host: string;
  /** 0 for any free port. */
  port: number;
}

export interface UnixAddress {
  kind: 'unix';
  /** An absolute path of at most `maxSocketPath` bytes. */
  path: string;
}

/** Most bytes of the path of a Unix socket: the system's structure of 108 (104 beyond Linux) ends with a zero. */
export const maxSocketPath = process.platform === 'linux' ? 107 : 103;

/**
 * The address as clients take it: `HOST:PORT`, with IPv6 in brackets, or `unix:PATH`.
 *
 * @param port - the port that the server has, where the address says 0. @default that of the address
 */
export function shownAddress(address: ListenAddress, port?: number): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host } = address;
  return `${host.includes(':') ? `[${host}]` : host}:${port ?? address.port}`;
}

/** Whether only this machine can reach an address. */
export function isLocal(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true;
  const { host } = address;
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
