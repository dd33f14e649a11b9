import type { Server, Socket } from 'node:net';
import { DcfError } from '../core/errors.js';
import { type ListenAddress, shownAddress, type TcpAddress } from './listen-address.js';
import { listenAtSocket } from './unix-socket.js';

/** Connections that wait to be accepted. */
const backlog = 1024;

export interface ListenerOptions {
  address: ListenAddress;
  maxConnections: number;
  /** How long a new connection may stay silent, in milliseconds; then it is closed. */
  firstByteTimeoutMs: number;
  /** The flag of `dcfd` that sets the address, for messages. */
  flag: string;
  /** Accepts the connections: a plain net.Server, or one of TLS or HTTP. */
  server: Server;
  /** Takes over a new connection, for a server that does not do so itself. */
  onConnection?: (socket: Socket) => void;
}

/**
 * Listens in front of a server and limits its connections: grpc-js by itself accepts any number of connections, and keeps one that
 * never sends anything for ever.
 */
export class Listener {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(options: ListenerOptions) {
    this.server = options.server;
    this.server.on('connection', (socket) => {
      closeIfSilent(socket, options.firstByteTimeoutMs);
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      // Whoever takes it over has its own handler; until then a reset must not be an uncaught exception.
      socket.on('error', () => socket.destroy());
      options.onConnection?.(socket);
    });
    this.server.maxConnections = options.maxConnections;
  }

  /**
   * @throws DcfError FAILED_PRECONDITION when the port or the socket is in use, not allowed or cannot be made, or this host does not have the
   * address
   */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    const { address, flag } = options;
    if (address.kind === 'unix') await listenAtSocket(listener.server, { path: address.path, flag }, backlog);
    else await listenAtPort(listener.server, address, flag);
    // Node emits an error also for a connection that cannot be accepted, such as when no file descriptor is left: the others go on.
    listener.server.on('error', () => undefined);
    return listener;
  }

  /** The port that it listens on, also where the options said 0; 0 for a Unix socket. */
  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no new connection. */
  close(): void {
    this.server.close();
  }

  /** Closes every connection that is left: the `forceShutdown` of grpc-js knows them only while channelz is on. */
  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

/** Closes a connection on which nothing has come after `timeoutMs` milliseconds. */
export function closeIfSilent(socket: Socket, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (socket.bytesRead === 0) socket.destroy();
  }, timeoutMs);
  socket.once('close', () => clearTimeout(timer));
}

async function listenAtPort(server: Server, address: TcpAddress, flag: string): Promise<void> {
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, address, flag)));
    server.listen({ host, port, backlog }, resolve);
  });
}

function listenError(error: NodeJS.ErrnoException, address: TcpAddress, flag: string): DcfError {
  const reasons: Record<string, string> = {
    EADDRINUSE: `the port is in use, perhaps by another dcfd; choose another with ${flag}`,
    EACCES: `the system does not allow this port; choose one above 1023 with ${flag}`,
    EADDRNOTAVAIL: `this host does not have the address; choose one of its own with ${flag}`,
    ENOTFOUND: `the host name is unknown; choose a name or an address of this host with ${flag}`,
  };
  return new DcfError('FAILED_PRECONDITION', `cannot listen on ${shownAddress(address)}: ${reasons[error.code ?? ''] ?? error.message}`, {
    cause: error,
  });
}
