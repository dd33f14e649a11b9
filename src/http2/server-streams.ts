import type { AbuseGuard } from './abuse.js';
import { ConnectionError, type ErrorCodeName, errorCodes, StreamError } from './errors.js';
import { checkIncrement, defaultWindow, SendWindow } from './flow-control.js';
import { flags as frameFlags, frameTypes } from './frame.js';
import type { FrameWriter } from './frame-writer.js';
import type { HeaderBlock } from './header-blocks.js';
import type { HpackEncoder } from './hpack/encoder.js';
import type { HeaderList } from './hpack/header-list.js';
import { checkTrailers, type RequestHead, requestHead } from './request-head.js';
import { SendQueue } from './send-queue.js';
import type { PeerSettings } from './settings.js';
import { Stream, type StreamListener, type StreamPort } from './stream.js';
import { StreamTable } from './stream-table.js';

export interface ServerStreamsOptions {
  /** Most open streams; one more is refused. */
  maxConcurrentStreams: number;
  /** Bytes that a client may send in a stream before it gets more credit. */
  streamWindow: number;
  /**
   * Takes a new stream, and returns who receives what the client sends in it. `head` is `undefined` when the headers are over the limit.
   */
  onStream: (stream: Stream, head: RequestHead | undefined) => StreamListener;
  /** Called when the last open stream has closed. */
  onIdle: () => void;
  /** Reports an exception that no peer can cause. */
  onInternalError: (error: unknown) => void;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

const nothing = new Uint8Array(0);
/** How long a client may send on after it was answered, in milliseconds. */
const lingerMs = 5_000;
export const selfDependent = 'a stream that depends on itself';

/** The parts of the connection that streams use. */
export interface ServerStreamsParts {
  writer: FrameWriter;
  encoder: HpackEncoder;
  guard: AbuseGuard;
  /** The settings that hold before the client's first frame. */
  peer: PeerSettings;
}

/** The streams of one connection: frames that belong to a stream are handled here. */
export class ServerStreams implements StreamPort {
  /** Whether new streams are ignored: the client was told which one was the last. */
  refusing = false;
  private readonly table = new StreamTable();
  private readonly window = new SendWindow(defaultWindow);
  private readonly queue: SendQueue;
  private readonly writer: FrameWriter;
  private readonly encoder: HpackEncoder;
  private readonly guard: AbuseGuard;
  private peer: PeerSettings;
  private lastHeaders: HeaderList | undefined;
  private lastHead: RequestHead | undefined;

  constructor(
    private readonly options: ServerStreamsOptions,
    { writer, encoder, guard, peer }: ServerStreamsParts,
  ) {
    this.writer = writer;
    this.encoder = encoder;
    this.guard = guard;
    this.peer = peer;
    this.queue = new SendQueue(writer, this.window, () => this.peer.maxFrameSize, options.now);
  }

  get size(): number {
    return this.table.size;
  }

  /** The largest identifier that the client has used. */
  get lastId(): number {
    return this.table.lastId;
  }

  /** The peer's settings changed. @throws ConnectionError when a window would be larger than HTTP/2 allows */
  setPeer(peer: PeerSettings): void {
    const change = peer.initialWindow - this.peer.initialWindow;
    this.peer = peer;
    if (change === 0) return;
    for (const stream of this.table.all()) {
      if (!stream.sendWindow.grow(change))
        throw new ConnectionError('FLOW_CONTROL_ERROR', 'SETTINGS_INITIAL_WINDOW_SIZE makes a window too large');
      if (stream.next !== undefined) this.queue.add(stream);
    }
  }

  /** Takes a whole header block with its decoded headers: a new stream, or the trailers of one. */
  headers({ streamId, endStream, dependsOn }: HeaderBlock, headers: HeaderList | undefined): void {
    const open = this.table.find(streamId);
    if (open !== undefined) {
      if (dependsOn === streamId) throw new StreamError('PROTOCOL_ERROR', selfDependent);
      this.trailers(open, endStream, headers);
      return;
    }
    if (streamId % 2 === 0) throw new ConnectionError('PROTOCOL_ERROR', 'a client opens streams of odd numbers');
    if (streamId <= this.table.lastId) {
      if (this.table.wasReset(streamId)) return;
      throw new ConnectionError('STREAM_CLOSED', 'HEADERS for a stream that is closed');
    }
    if (this.refusing) return;
    this.table.lastId = streamId;
    if (dependsOn === streamId) throw new StreamError('PROTOCOL_ERROR', selfDependent);
    if (this.table.size >= this.options.maxConcurrentStreams)
      throw new StreamError('REFUSED_STREAM', `more than ${this.options.maxConcurrentStreams} open streams`);
    const head = headers === undefined ? undefined : this.headOf(headers);
    if (endStream && (head?.contentLength ?? 0) > 0) throw new StreamError('PROTOCOL_ERROR', 'the body is shorter than its content-length');
    const stream = new Stream(streamId, this, { send: this.peer.initialWindow, receive: this.options.streamWindow });
    stream.expectedLength = head?.contentLength;
    this.table.add(stream);
    // Known before anybody answers: a stream that the client has ended needs no reset then.
    if (endStream) stream.endRequest();
    stream.listen(this.options.onStream(stream, head));
    if (endStream) stream.tellEnd();
  }

  /** Takes a DATA frame: `length` bytes of it count for flow control, those from `start` to `end` are the body's. */
  data(flags: number, streamId: number, length: number, bytes: Buffer, start: number, end: number): void {
    const stream = this.table.find(streamId);
    if (stream === undefined) {
      if (this.ofClosedStream(streamId, 'DATA')) return;
      throw new StreamError('STREAM_CLOSED', 'DATA for a stream that is closed');
    }
    if (!stream.receives) throw new StreamError('STREAM_CLOSED', 'DATA after the end of the request');
    if (!stream.receiveWindow.receive(length))
      throw new StreamError('FLOW_CONTROL_ERROR', 'more DATA than the window of the stream allows');
    const last = (flags & frameFlags.END_STREAM) !== 0;
    if (start === end && !last) this.guard.count('empty');
    if (stream.expectedLength !== undefined) {
      stream.expectedLength -= end - start;
      if (stream.expectedLength < 0) throw new StreamError('PROTOCOL_ERROR', 'the body is longer than its content-length');
    }
    if (length > end - start) stream.giveBack(length - (end - start));
    if (end > start) stream.receive(bytes, start, end);
    if (last && stream.receives) this.receiveEnd(stream);
  }

  /** The client resets a stream. */
  reset(streamId: number, code: number): void {
    const stream = this.table.find(streamId);
    if (stream === undefined) {
      this.ofClosedStream(streamId, 'RST_STREAM');
      return;
    }
    this.guard.count('reset');
    const name = Object.entries(errorCodes).find(([, known]) => known === code)?.[0];
    stream.abort(isErrorCode(name) ? name : 'INTERNAL_ERROR');
  }

  /** The client allows more DATA, in a stream or (0) in all. */
  windowUpdate(streamId: number, bytes: number): void {
    if (streamId === 0) {
      checkIncrement(bytes, 0);
      if (!this.window.grow(bytes)) throw new ConnectionError('FLOW_CONTROL_ERROR', 'the window of the connection is too large');
      this.queue.pump();
      return;
    }
    const stream = this.table.find(streamId);
    if (stream === undefined) {
      this.ofClosedStream(streamId, 'WINDOW_UPDATE');
      return;
    }
    checkIncrement(bytes, streamId);
    if (!stream.sendWindow.grow(bytes)) throw new StreamError('FLOW_CONTROL_ERROR', 'the window of the stream is too large');
    if (stream.next !== undefined) this.queue.add(stream);
  }

  /**
   * The client broke the protocol in a stream: it is reset. Counts as a reset of the client (CVE-2025-8671).
   *
   * @throws ConnectionError for a stream that was never open: such a one must not be reset (RFC 9113, section 6.4)
   */
  fail(streamId: number, { code, message }: StreamError): void {
    if (streamId % 2 === 0 || streamId > this.table.lastId) throw new ConnectionError(code, message);
    this.writer.frameOfNumber(frameTypes.RST_STREAM, frameFlags.NONE, streamId, errorCodes[code]);
    this.table.rememberReset(streamId);
    this.table.find(streamId)?.abort(code);
    this.guard.count('reset');
  }

  /** Resets a stream in which we have made a mistake. */
  abandon(streamId: number): void {
    this.table.find(streamId)?.breakOff('INTERNAL_ERROR');
  }

  /** The connection is gone, or about to go. */
  abortAll(): void {
    for (const stream of this.table.all()) stream.abort('CONNECTION_LOST');
  }

  /** Sends what waits. To be called when the socket has room again. */
  pumpAll(): void {
    this.queue.pump();
  }

  sendHeaders(stream: Stream, headers: HeaderList, endStream: boolean): void {
    const flags = endStream ? frameFlags.END_STREAM : frameFlags.NONE;
    this.writer.headers(flags, stream.id, headers, this.encoder, this.peer.maxFrameSize);
  }

  sendEnd(stream: Stream): void {
    this.writer.frame(frameTypes.DATA, frameFlags.END_STREAM, stream.id, nothing);
  }

  /** Ends streams of clients that take nothing of a response for `stallMs`, or do not end their request although they are answered. */
  sweep(stallMs: number): void {
    const now = this.options.now();
    for (const stream of this.table.all()) {
      if (stream.state === 'half-closed-local') {
        if (now - stream.movedAt >= lingerMs) stream.reset('NO_ERROR');
      } else if (stream.next !== undefined && now - stream.movedAt >= stallMs) {
        stream.breakOff('CANCEL');
      }
    }
  }

  pump(stream: Stream): void {
    this.queue.add(stream);
  }

  sendReset(stream: Stream, code: ErrorCodeName): void {
    if (stream.receives) this.table.rememberReset(stream.id);
    this.writer.frameOfNumber(frameTypes.RST_STREAM, frameFlags.NONE, stream.id, errorCodes[code]);
  }

  sendCredit(stream: Stream, increment: number): void {
    this.writer.frameOfNumber(frameTypes.WINDOW_UPDATE, frameFlags.NONE, stream.id, increment);
  }

  fault(error: unknown): void {
    this.options.onInternalError(error);
  }

  now(): number {
    return this.options.now();
  }

  closed(stream: Stream): void {
    this.table.remove(stream);
    this.queue.remove(stream);
    if (this.table.size === 0) this.options.onIdle();
  }

  private trailers(stream: Stream, endStream: boolean, headers: HeaderList | undefined): void {
    if (!stream.receives) throw new StreamError('STREAM_CLOSED', 'HEADERS after the end of the request');
    if (!endStream) throw new StreamError('PROTOCOL_ERROR', 'trailers that do not end the request');
    if (headers !== undefined) checkTrailers(headers);
    this.receiveEnd(stream);
  }

  private receiveEnd(stream: Stream): void {
    if ((stream.expectedLength ?? 0) > 0) throw new StreamError('PROTOCOL_ERROR', 'the body is shorter than its content-length');
    stream.receiveEnd();
  }

  /** The checked headers. Clients send the same list again and again, and the decoder then gives the same object. */
  private headOf(headers: HeaderList): RequestHead {
    if (headers === this.lastHeaders && this.lastHead !== undefined) return this.lastHead;
    const head = requestHead(headers);
    this.lastHeaders = headers;
    this.lastHead = head;
    return head;
  }

  /**
   * Checks a frame for a stream that is not open. Returns whether it is to be ignored, as we have reset the stream.
   *
   * @throws ConnectionError when the stream was never open
   */
  private ofClosedStream(streamId: number, frame: string): boolean {
    if (streamId === 0) throw new ConnectionError('PROTOCOL_ERROR', `${frame} for stream 0`);
    if (streamId % 2 === 0 || streamId > this.table.lastId) {
      if (this.refusing && streamId % 2 === 1) return true;
      throw new ConnectionError('PROTOCOL_ERROR', `${frame} for a stream that was never open`);
    }
    return this.table.wasReset(streamId);
  }
}

function isErrorCode(name: string | undefined): name is ErrorCodeName {
  return name !== undefined && name in errorCodes;
}
