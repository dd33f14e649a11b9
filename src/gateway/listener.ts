import type { Server, Socket } from 'node:net';
import { DcfError } from '../core/errors.js';

export interface ListenerOptions {
  host: string;
  /** 0 for any free port. */
  port: number;
  maxConnections: number;
  /** How long a new connection may stay silent, in milliseconds; then it is closed. */
  firstByteTimeoutMs: number;
  /** The flag of `dcfd` that sets the address, for messages. */
  flag: string;
  /** Accepts the connections: a plain net.Server, or an HTTP server. */
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
      const timer = setTimeout(() => {
        if (socket.bytesRead === 0) socket.destroy();
      }, options.firstByteTimeoutMs);
      this.sockets.add(socket);
      socket.once('close', () => {
        clearTimeout(timer);
        this.sockets.delete(socket);
      });
      // Whoever takes it over has its own handler; until then a reset must not be an uncaught exception.
      socket.on('error', () => socket.destroy());
      options.onConnection?.(socket);
    });
    this.server.maxConnections = options.maxConnections;
  }

  /** @throws DcfError FAILED_PRECONDITION when the port is in use or not allowed, or this host does not have the address */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    const { host, port, flag } = options;
    await new Promise<void>((resolve, reject) => {
      listener.server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, { host, port, flag })));
      listener.server.listen({ host, port, backlog: 1024 }, resolve);
    });
    // Node emits an error also for a connection that cannot be accepted, such as when no file descriptor is left: the others go on.
    listener.server.on('error', () => undefined);
    return listener;
  }

  /** The port that it listens on, also where the options said 0. */
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

function listenError(error: NodeJS.ErrnoException, { host, port, flag }: Pick<ListenerOptions, 'host' | 'port' | 'flag'>): DcfError {
  const reasons: Record<string, string> = {
    EADDRINUSE: `the port is in use, perhaps by another dcfd; choose another with ${flag}`,
    EACCES: `the system does not allow this port; choose one above 1023 with ${flag}`,
    EADDRNOTAVAIL: `this host does not have the address; choose one of its own with ${flag}`,
    ENOTFOUND: `the host name is unknown; choose a name or an address of this host with ${flag}`,
  };
  return new DcfError('FAILED_PRECONDITION', `cannot listen on ${host}:${port}: ${reasons[error.code ?? ''] ?? error.message}`, {
    cause: error,
  });
}
