import type { ServerHttp2Session } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

/** What a client is told that the headers of a call may have together, as HTTP/2 counts them: 32 bytes more for each. */
const maxHeaderListSize = 64 * 1024;
/** Headers of one call; the metadata of a Handler is bounded by its bytes. */
const maxHeaderListPairs = 1_024;
const lookMs = 1_000;
/** More than the answer to a PING: whoever sends less has made no request. */
const leastRequest = 64;

interface Watched {
  session: ServerHttp2Session;
  /** Bytes that had come when it was last looked at. */
  read: number;
  /** Bytes that had been written when it was last asked to write more; `undefined` when it did. */
  asked: number | undefined;
}

/**
 * Tells clients what their headers may have, and ends connections that are dead for nghttp2. One over its own limits (a header of
 * more than 64 KiB, a broken header block) gets a GOAWAY, and from then on nothing is read and nothing written, also for calls that
 * run: Node does not notice, and a client that waits for its answers would wait for good. Such a connection is known by this: asked
 * for a PING, it writes nothing, though the system would take it.
 *
 * grpc-js has no way to its options and sessions but private fields; without them, which tests would notice, all is as Node has it.
 */
export class GrpcConnections {
  private readonly watched = new Set<Watched>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly server: Server) {
    const options = property(server, 'commonServerOptions');
    if (typeof options !== 'object' || options === null) return;
    Reflect.set(options, 'maxHeaderListPairs', maxHeaderListPairs);
    Reflect.set(options, 'settings', { ...Object(property(options, 'settings')), maxHeaderListSize });
  }

  /** Begins to watch what `createConnectionInjector` has made. */
  start(): void {
    const servers = property(this.server, 'http2Servers');
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

/** Asks for a PING to be written. Returns false where that cannot be: too many are not answered, or the session has just ended. */
function ask(session: ServerHttp2Session): boolean {
  try {
    return session.ping(() => undefined);
  } catch {
    return false;
  }
}

/** Whether what was written before waits for its reader; `undefined` where that is not known. */
function waitsForSystem({ socket }: ServerHttp2Session): boolean | undefined {
  const size = property(property(socket, '_handle'), 'writeQueueSize');
  return typeof size === 'number' ? size > 0 : undefined;
}

function property(owner: unknown, name: string): unknown {
  return typeof owner === 'object' && owner !== null ? Reflect.get(owner, name) : undefined;
}
