import { AbuseGuard, type AbuseLimits, defaultAbuseLimits } from './abuse.js';
import { ConnectionError, type ErrorCodeName, errorCodes } from './errors.js';
import { defaultWindow } from './flow-control.js';
import { flags as frameFlags, frameTypes } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { FrameWriter, type WriterSocket } from './frame-writer.js';
import { HpackEncoder } from './hpack/encoder.js';
import { Receiver } from './receiver.js';
import type { RequestHead } from './request-head.js';
import { ServerStreams } from './server-streams.js';
import { defaultSettings, encodeSettings } from './settings.js';
import type { Stream, StreamListener } from './stream.js';

/** The limits of a connection. Its memory is bounded by them: README.md of this folder has the sum. */
export interface ConnectionLimits {
  /** Most open streams. @default 1,024 */
  maxConcurrentStreams: number;
  /** Bytes that a client may send in a stream before it gets more credit; at least 65,535. @default 256 KiB */
  streamWindow: number;
  /** Bytes that a client may send in all streams together before it gets more credit; at least 65,535. @default 4 MiB */
  connectionWindow: number;
  /** Bytes of a request's headers, plus 32 for each (RFC 9113, section 6.5.2). @default 64 KiB */
  maxHeaderListSize: number;
  /** Milliseconds that must pass between two PINGs while nothing is sent; a client that pings more often is sent away. @default 5,000 */
  leastPingInterval: number;
  abuse: AbuseLimits;
}

export const defaultLimits: ConnectionLimits = {
  maxConcurrentStreams: 1024,
  streamWindow: 256 * 1024,
  connectionWindow: 4 * 1024 * 1024,
  maxHeaderListSize: 64 * 1024,
  leastPingInterval: 5_000,
  abuse: defaultAbuseLimits,
};

/** The socket of a connection, as far as it is used here: a net.Socket or a tls.TLSSocket. */
export interface ConnectionSocket extends WriterSocket {
  end(): unknown;
  destroy(): unknown;
}

export interface ConnectionOptions {
  limits: ConnectionLimits;
  /** Takes a new stream, and returns who receives what the client sends in it. `head` is `undefined` for headers over the limit. */
  onStream: (stream: Stream, head: RequestHead | undefined) => StreamListener;
  /** Names of response headers whose values come again and again, and are no secrets. */
  indexedNames: ReadonlySet<string>;
  /** Calls `flush` of the connection at the end of the turn. */
  schedule: (connection: Connection) => void;
  /** Reports an exception that no peer can cause. */
  onInternalError: (error: unknown) => void;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

type State =
  /** The preface has not come. */
  | 'waiting'
  | 'open'
  /** New streams are refused; when the last one has closed, the connection ends. */
  | 'draining'
  /** A GOAWAY is on its way; nothing that comes is read any more. */
  | 'ending'
  | 'closed';

/** Bytes of answers to control frames that may wait for a peer that does not read. */
const maxUnreadLength = 2 * 1024 * 1024;
const drainPing = Buffer.from('drainnow', 'latin1');
const keepalivePing = Buffer.from('areyouup', 'latin1');
/** How long a peer may take to read a GOAWAY before the socket is closed, in milliseconds. */
const lingerMs = 1_000;

/** A server's side of one HTTP/2 connection (RFC 9113). It is fed with what the socket reads. */
export class Connection {
  private state: State = 'waiting';
  private readonly reader: FrameReader;
  private readonly writer: FrameWriter;
  private readonly streams: ServerStreams;
  private readonly receiver: Receiver;
  /** Since when the rest of a frame, or of a header block, is missing. */
  private cutSince: number | undefined;
  private blockSince: number | undefined;
  private framesSeen = 0;
  private lingering: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: ConnectionSocket,
    private readonly options: ConnectionOptions,
  ) {
    const { limits, now, onStream, onInternalError } = options;
    // A client may send that much before it has read our settings, and the connection's window cannot be made smaller at all.
    if (Math.min(limits.streamWindow, limits.connectionWindow) < defaultWindow)
      throw new RangeError(`streamWindow and connectionWindow must be at least ${defaultWindow}`);
    const peer = defaultSettings();
    const encoder = new HpackEncoder(options.indexedNames);
    const guard = new AbuseGuard(limits.abuse, now);
    this.writer = new FrameWriter(socket, () => options.schedule(this));
    const onIdle = (): void => this.idle();
    this.streams = new ServerStreams({ ...limits, onStream, onIdle, onInternalError, now }, { writer: this.writer, encoder, guard, peer });
    const parts = { writer: this.writer, encoder, guard, streams: this.streams };
    this.receiver = new Receiver(parts, { ...limits, peer, now, onInternalError, onPong: (payload) => this.takePong(payload) });
    this.reader = new FrameReader((...frame) => {
      if (this.state === 'waiting') this.begin();
      this.receiver.take(...frame);
    });
    this.cutSince = now();
  }

  /** Since when the client owes the rest of its preface, of a frame or of a header block; on the clock of the options. */
  get owesSince(): number | undefined {
    const { cutSince, blockSince } = this;
    return cutSince === undefined || blockSince === undefined ? (cutSince ?? blockSince) : Math.min(cutSince, blockSince);
  }

  /** Takes the next bytes from the socket; they are read before this returns. Never throws. */
  read(chunk: Buffer): void {
    try {
      this.reader.push(chunk);
      if (this.state === 'waiting' && this.reader.begun) this.begin();
      this.noteCut();
      if (this.writer.pending > maxUnreadLength) throw new ConnectionError('ENHANCE_YOUR_CALM', 'the answers are not read');
    } catch (error) {
      this.fail(error);
    }
  }

  /** Writes what waits for the end of the turn. Never throws. */
  flush(): void {
    try {
      do {
        this.writer.flush();
        this.streams.pumpAll();
      } while (this.writer.scheduled && !this.writer.congested);
    } catch (error) {
      this.fail(error);
    }
  }

  /** To be called when the socket has taken everything. Never throws. */
  drained(): void {
    this.flush();
  }

  /** To be called when the socket has closed. */
  closed(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    clearTimeout(this.lingering);
    this.reader.stop();
    this.writer.close();
    this.streams.abortAll();
  }

  /**
   * Begins to close: the client is asked to open no more streams (RFC 9113, section 6.8), and the connection ends when the last one has
   * closed. Streams that were on their way when the client was asked are still served.
   */
  drain(): void {
    if (this.state === 'waiting') {
      this.socket.destroy();
      return;
    }
    if (this.state !== 'open') return;
    this.state = 'draining';
    this.writeGoaway(0x7fffffff, 'NO_ERROR', '');
    this.writer.frame(frameTypes.PING, frameFlags.NONE, 0, drainPing);
  }

  /** Ends the connection at once: open streams are aborted. */
  destroy(): void {
    this.socket.destroy();
    this.closed();
  }

  /** Ends streams of clients that take nothing of a response for `stallMs` milliseconds. To be called now and then. */
  sweep(stallMs: number): void {
    this.streams.sweep(stallMs);
  }

  /** Asks the client to answer, so that the socket reports when it is gone. */
  ping(): void {
    if (this.state === 'open' || this.state === 'draining') this.writer.frame(frameTypes.PING, frameFlags.NONE, 0, keepalivePing);
  }

  private noteCut(): void {
    const { reader, receiver, framesSeen } = this;
    this.framesSeen = reader.frames;
    if (!reader.cut) this.cutSince = undefined;
    else if (this.cutSince === undefined || reader.frames !== framesSeen) this.cutSince = this.options.now();
    if (!receiver.blockOpen) this.blockSince = undefined;
    else this.blockSince ??= this.options.now();
  }

  private begin(): void {
    this.state = 'open';
    const { maxConcurrentStreams, streamWindow, connectionWindow, maxHeaderListSize } = this.options.limits;
    const settings = encodeSettings({
      MAX_CONCURRENT_STREAMS: maxConcurrentStreams,
      INITIAL_WINDOW_SIZE: streamWindow,
      MAX_HEADER_LIST_SIZE: maxHeaderListSize,
    });
    this.writer.frame(frameTypes.SETTINGS, frameFlags.NONE, 0, settings);
    if (connectionWindow > defaultWindow)
      this.writer.frameOfNumber(frameTypes.WINDOW_UPDATE, frameFlags.NONE, 0, connectionWindow - defaultWindow);
  }

  /** The client has answered the PING of `drain`, so no stream is on its way that does not know of it: now the last one is known. */
  private takePong(payload: Buffer): void {
    if (this.state !== 'draining' || this.streams.refusing || !payload.equals(drainPing)) return;
    this.streams.refusing = true;
    this.writeGoaway(this.streams.lastId, 'NO_ERROR', '');
    this.idle();
  }

  private idle(): void {
    if (this.state === 'draining' && this.streams.refusing && this.streams.size === 0) this.linger();
  }

  private fail(error: unknown): void {
    if (this.state === 'closed' || this.state === 'ending') return;
    if (this.state === 'waiting') {
      // It is no peer of HTTP/2.
      this.destroy();
      return;
    }
    const known = error instanceof ConnectionError ? error : new ConnectionError('INTERNAL_ERROR', 'an error inside the server');
    if (known !== error) this.options.onInternalError(error);
    this.writeGoaway(this.streams.lastId, known.code, known.message);
    this.linger();
    this.streams.abortAll();
  }

  /** Ends the connection, and waits a little until the peer has read what was sent: a socket that is closed before may lose it. */
  private linger(): void {
    this.state = 'ending';
    this.reader.stop();
    this.writer.flush();
    this.writer.close();
    this.socket.end();
    this.lingering = setTimeout(() => this.destroy(), lingerMs).unref();
  }

  private writeGoaway(lastId: number, code: ErrorCodeName, text: string): void {
    const payload = Buffer.alloc(8 + text.length);
    payload.writeUInt32BE(lastId, 0);
    payload.writeUInt32BE(errorCodes[code], 4);
    payload.write(text, 8, 'latin1');
    this.writer.frame(frameTypes.GOAWAY, frameFlags.NONE, 0, payload);
  }
}
