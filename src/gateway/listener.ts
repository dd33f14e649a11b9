import type { Server, Socket } from 'node:net';
import { DcfError } from '../core/errors.js';

export interface ListenerOptions {
  host: string;
  /** 0: any that is free. */
  port: number;
  maxConnections: number;
  /** A connection that has sent nothing after this long is dropped. */
  firstByteTimeoutMs: number;
  /** The setting that names the address; for messages. */
  flag: string;
  /** What listens; it need not be a plain one. */
  server: Server;
  /** Takes a new connection over, unless `server` does. */
  onConnection?: (socket: Socket) => void;
}

/**
 * A listener of our own in front of a server: grpc-js keeps a connection that never says anything for ever, and takes any
 * number of them.
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

  /** @throws DcfError FAILED_PRECONDITION when the port is in use, not allowed, or the address is not this host's */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    const { host, port, flag } = options;
    await new Promise<void>((resolve, reject) => {
      listener.server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, { host, port, flag })));
      listener.server.listen({ host, port, backlog: 1024 }, resolve);
    });
    return listener;
  }

  /** The port that it really has. */
  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Takes no new connection. */
  close(): void {
    this.server.close();
  }

  /** Drops every connection that is left: grpc-js's `forceShutdown` knows them only while channelz is on. */
  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

function listenError(error: NodeJS.ErrnoException, { host, port, flag }: Pick<ListenerOptions, 'host' | 'port' | 'flag'>): DcfError {
  const reasons: Record<string, string> = {
    EADDRINUSE: `the port is in use, perhaps by another dcfd; choose another with ${flag}`,
    EACCES: `the system does not allow this port; choose one above 1023 with ${flag}`,
    EADDRNOTAVAIL: 'the address is none of this host',
    ENOTFOUND: 'the host name is not known',
  };
  return new DcfError('FAILED_PRECONDITION', `cannot listen on ${host}:${port}: ${reasons[error.code ?? ''] ?? error.message}`, {
    cause: error,
  });
}
