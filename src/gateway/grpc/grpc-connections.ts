import type { ServerHttp2Session } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { privateField } from './grpc-private.js';

/** SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, section 6.5.2): bytes of all headers of a call, plus 32 for each. */
const maxHeaderListSize = 64 * 1024;
/** Number of headers of one call. The metadata that a Handler gets is limited by its size. */
const maxHeaderListPairs = 1_024;
const lookMs = 1_000;
/** Bytes of the smallest request. The answer to a PING is shorter. */
const leastRequest = 64;

interface Watched {
  session: ServerHttp2Session;
  /** Bytes that had arrived when the connection was last checked. */
  read: number;
  /** Bytes that had been written when a PING was last asked for; `undefined` if no PING is due. */
  asked: number | undefined;
}

/**
 * Announces the limits of headers to clients, and closes connections that nghttp2 has given up. After a header of more than 64 KiB or a
 * broken header block, nghttp2 sends a GOAWAY, and then neither reads nor writes anything on the connection, not even for calls that run.
 * Node does not notice this, and clients would wait for their answers for ever. Such a connection is recognised by a PING that it does
 * not write, although the system would accept the bytes.
 *
 * The options and sessions of grpc-js are reached by private fields only. Without these fields (tests would fail) Node's defaults hold.
 */
export class GrpcConnections {
  private readonly watched = new Set<Watched>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly server: Server) {
    const options = privateField(server, 'commonServerOptions');
    if (typeof options !== 'object' || options === null) return;
    Reflect.set(options, 'maxHeaderListPairs', maxHeaderListPairs);
    Reflect.set(options, 'settings', { ...Object(privateField(options, 'settings')), maxHeaderListSize });
  }

  /** Begins to watch the HTTP/2 servers that `createConnectionInjector` has made. */
  start(): void {
    const servers = privateField(this.server, 'http2Servers');
    if (!(servers instanceof Map)) return;
    for (const http2 of servers.keys()) http2.on('session', (session: ServerHttp2Session) => this.watch(session));
    this.timer = setInterval(() => this.look(), lookMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private watch(session: ServerHttp2Session): void {
    const entry: Watched = { session, read: 0, asked: undefined };
    this.watched.add(entry);
    session.once('close', () => this.watched.delete(entry));
  }

  private look(): void {
    for (const entry of this.watched) {
      const { session } = entry;
      if (session.destroyed) continue;
      const { bytesRead, bytesWritten } = session.socket;
      if (entry.asked !== undefined) {
        if (entry.asked === bytesWritten && waitsForSystem(session) === false) session.destroy();
        entry.asked = undefined;
      } else if (bytesRead - entry.read >= leastRequest) {
        entry.read = bytesRead;
        if (ask(session)) entry.asked = bytesWritten;
      }
    }
  }
}

/** Asks a session to write a PING. Returns false if it cannot: too many are unanswered, or the session has just ended. */
function ask(session: ServerHttp2Session): boolean {
  try {
    return session.ping(() => undefined);
  } catch {
    return false;
  }
}

/** Whether bytes that were written before still wait for the system to accept them; `undefined` if that is unknown. */
function waitsForSystem({ socket }: ServerHttp2Session): boolean | undefined {
  const size = privateField(privateField(socket, '_handle'), 'writeQueueSize');
  return typeof size === 'number' ? size > 0 : undefined;
}
