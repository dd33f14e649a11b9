import type { Duplex } from 'node:stream';
import { Connection, type ConnectionLimits, type ConnectionOptions, defaultLimits } from './connection.js';

export interface Http2ServerOptions extends Pick<ConnectionOptions, 'onStream' | 'indexedNames' | 'onInternalError'> {
  /** @default `defaultLimits` */
  limits?: Partial<ConnectionLimits>;
  /** A connection on which nothing came for so long is asked whether it is there, in milliseconds. */
  keepaliveMs: number;
  /** How long the answer may take before the connection is closed, in milliseconds. */
  keepaliveTimeoutMs: number;
  /** How long a client may take to send its preface, or the rest of a frame or a header block that it has begun, in milliseconds. */
  frameTimeoutMs: number;
  /** How long a response may stand still because the client gives no credit for it, in milliseconds: then its stream is reset. */
  stallTimeoutMs: number;
}

/** A net.Socket or a tls.TLSSocket, as far as it is used here. */
export type ServerSocket = Duplex & { readonly bytesRead: number };

interface Entry {
  readonly socket: ServerSocket;
  readonly connection: Connection;
  /** Bytes that had come when the connection was last looked at. */
  read: number;
  /** When bytes had last come, and since when a PING is unanswered; on the clock of `performance.now()`. */
  readAt: number;
  askedAt: number | undefined;
}

const sweepMs = 1_000;

/** Serves HTTP/2 on sockets that others accept: of `node:net`, or of `node:tls` with the protocol `h2`. */
export class Http2Server {
  private readonly entries = new Set<Entry>();
  private readonly limits: ConnectionLimits;
  /** Connections that have something to write at the end of the turn. */
  private scheduled: Connection[] = [];
  private readonly timer: NodeJS.Timeout;
  private draining = false;
  private onEmpty: (() => void) | undefined;

  constructor(private readonly options: Http2ServerOptions) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.timer = setInterval(() => this.sweep(), sweepMs).unref();
  }

  /** Number of connections. */
  get size(): number {
    return this.entries.size;
  }

  /** Serves a connection. The server owns the socket from now on. */
  accept(socket: ServerSocket): void {
    const { onStream, indexedNames, onInternalError } = this.options;
    const now = (): number => performance.now();
    const schedule = (one: Connection): void => this.schedule(one);
    const connection = new Connection(socket, { limits: this.limits, onStream, indexedNames, onInternalError, schedule, now });
    const entry: Entry = { socket, connection, read: 0, readAt: now(), askedAt: undefined };
    this.entries.add(entry);
    socket.on('data', (chunk: Buffer) => connection.read(chunk));
    socket.on('drain', () => connection.drained());
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.entries.delete(entry);
      connection.closed();
      if (this.entries.size === 0) this.onEmpty?.();
    });
    if (this.draining) connection.drain();
  }

  /** Asks all clients to open no more streams; each connection ends when its last stream has closed. */
  drain(): void {
    this.draining = true;
    for (const { connection } of this.entries) connection.drain();
  }

  /** Waits until there is no connection, `timeoutMs` milliseconds at most. */
  async whenEmpty(timeoutMs: number): Promise<void> {
    if (this.entries.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends all connections at once, and stops the server's timer. */
  destroy(): void {
    clearInterval(this.timer);
    for (const { connection } of this.entries) connection.destroy();
  }

  private schedule(connection: Connection): void {
    if (this.scheduled.length === 0) setImmediate(() => this.flush());
    this.scheduled.push(connection);
  }

  private flush(): void {
    const connections = this.scheduled;
    this.scheduled = [];
    for (const connection of connections) connection.flush();
  }

  private sweep(): void {
    const now = performance.now();
    const { keepaliveMs, keepaliveTimeoutMs, stallTimeoutMs, frameTimeoutMs } = this.options;
    for (const entry of this.entries) {
      const { owesSince = now } = entry.connection;
      if (now - owesSince >= frameTimeoutMs) {
        entry.connection.destroy();
        continue;
      }
      entry.connection.sweep(stallTimeoutMs);
      const { bytesRead } = entry.socket;
      if (bytesRead !== entry.read) {
        entry.read = bytesRead;
        entry.readAt = now;
        entry.askedAt = undefined;
      } else if (entry.askedAt !== undefined) {
        if (now - entry.askedAt >= keepaliveTimeoutMs) entry.connection.destroy();
      } else if (now - entry.readAt >= keepaliveMs) {
        entry.askedAt = now;
        entry.connection.ping();
      }
    }
  }
}
