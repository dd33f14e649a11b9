import type { ErrorCodeName } from './errors.js';
import { ReceiveWindow, SendWindow } from './flow-control.js';
import type { HeaderList } from './hpack/header-list.js';

/**
 * The life of a stream (RFC 9113, section 5.1), from the side of a server that pushes nothing: a stream begins with its HEADERS, so it
 * is never idle here and never reserved.
 */
export type StreamState =
  /** Both sides may send. */
  | 'open'
  /** The client has sent everything. */
  | 'half-closed-remote'
  /** We have sent everything, and the client has not. */
  | 'half-closed-local'
  | 'closed';

/** Receives what the client sends in a stream. After `reset`, and after we end or reset the stream, nothing is called any more. */
export interface StreamListener {
  /**
   * A part of the body: the bytes from `start` to `end`, valid until this returns. Credit for it is given back with `Stream.giveBack`.
   */
  data(bytes: Buffer, start: number, end: number): void;
  /** The client has sent everything. */
  endOfRequest(): void;
  /** The client reset the stream, the client broke the protocol in it, or the connection is gone. */
  reset(code: ErrorCodeName | 'CONNECTION_LOST'): void;
}

/** Bytes that wait to be sent, as one DATA frame or several. */
interface Outgoing {
  /** Goes in front of the body. */
  head: Uint8Array;
  body: Uint8Array;
  /** Bytes of the body that are sent. */
  sent: number;
  taken: (() => void) | undefined;
}

/** What a stream uses of its connection. */
export interface StreamPort {
  sendHeaders(stream: Stream, headers: HeaderList, endStream: boolean): void;
  /** Ends the response without trailers. */
  sendEnd(stream: Stream): void;
  /** Sends what waits in the stream as far as the windows and the socket allow, now or later. */
  pump(stream: Stream): void;
  sendReset(stream: Stream, code: ErrorCodeName): void;
  sendCredit(stream: Stream, increment: number): void;
  closed(stream: Stream): void;
  /** Reports what a listener has thrown. */
  fault(error: unknown): void;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
}

const wideCharacter = /[\u0100-\uffff]/;

const ignore: StreamListener = { data: () => undefined, endOfRequest: () => undefined, reset: () => undefined };

/** One stream: a request of the client and our response. */
export class Stream {
  private listener: StreamListener = ignore;
  readonly sendWindow: SendWindow;
  readonly receiveWindow: ReceiveWindow;
  /** Bytes of the body that the request's `content-length` names and that have not come; `undefined` without one. */
  expectedLength: number | undefined;
  /** Whether the connection's queue of streams that send has this one. */
  queued = false;
  /** The next stream in the same slot of the connection's table. */
  chained: Stream | undefined;
  /**
   * Since when the first bytes that wait have waited, when some of them were last sent, or when the response had ended: milliseconds of the
   * connection's clock.
   */
  movedAt = 0;
  private begun = false;
  private current: StreamState = 'open';
  private outgoing: Outgoing[] = [];
  private trailers: HeaderList | undefined;

  constructor(
    readonly id: number,
    private readonly port: StreamPort,
    windows: { send: number; receive: number },
  ) {
    this.sendWindow = new SendWindow(windows.send);
    this.receiveWindow = new ReceiveWindow(windows.receive);
  }

  get state(): StreamState {
    return this.current;
  }

  /** Whether DATA may still come. */
  get receives(): boolean {
    return this.current === 'open' || this.current === 'half-closed-local';
  }

  /** Whether we may still send. */
  get sends(): boolean {
    return this.current === 'open' || this.current === 'half-closed-remote';
  }

  /** The first bytes that wait to be sent. */
  get next(): Outgoing | undefined {
    return this.outgoing[0];
  }

  /** Says who receives what the client sends in this stream. */
  listen(listener: StreamListener): void {
    if (this.current !== 'closed') this.listener = listener;
  }

  /** Passes a part of the body on: see `StreamListener.data`. */
  receive(bytes: Buffer, start: number, end: number): void {
    this.listener.data(bytes, start, end);
  }

  /** Sends the response's headers. @throws when the stream sends no more, and when it has sent them */
  respond(headers: HeaderList): void {
    this.requireSending('headers');
    if (this.begun) throw new Error(`stream ${this.id} has sent the headers of its response`);
    this.port.sendHeaders(this, headers, false);
    this.begun = true;
  }

  /**
   * Sends a part of the response's body, when the windows and the socket have room.
   *
   * @param head - bytes in front of `body`, copied at once when they can be sent
   * @param taken - called when the memory of `body` is no longer needed; not called when the stream is reset first
   * @throws when the stream sends no more, and before `respond`
   */
  send(head: Uint8Array, body: Uint8Array, taken?: () => void): void {
    this.requireSending('data');
    this.requireBegun();
    if (this.outgoing.length === 0) this.movedAt = this.port.now();
    this.outgoing.push({ head, body, sent: 0, taken });
    this.port.pump(this);
  }

  /**
   * Ends the response, after all that was given to `send`.
   *
   * @param trailers - without `respond` before, the headers of a response that has nothing else. @default none
   * @throws when the stream sends no more, and for trailers that cannot be sent: the stream is as it was then
   */
  end(trailers: HeaderList = []): void {
    this.requireSending('trailers');
    if (trailers.length === 0) this.requireBegun();
    if (this.outgoing.length === 0) {
      this.finish(trailers);
      return;
    }
    // They are encoded later, and whoever could mend them is gone then.
    if (trailers.some((text) => wideCharacter.test(text)))
      throw new TypeError('a trailer has a character over 0xff, which HTTP/2 cannot send');
    this.trailers = trailers;
  }

  /** Whether `end` was called: the response is complete, though perhaps not sent. */
  get ended(): boolean {
    return this.trailers !== undefined;
  }

  /** Ends the stream at once; what waits to be sent is dropped. Does nothing when the stream is closed already. */
  reset(code: ErrorCodeName): void {
    if (this.current === 'closed') return;
    this.port.sendReset(this, code);
    this.close();
  }

  /** Ends the stream as `reset` does, and tells the listener, who does not know. */
  breakOff(code: ErrorCodeName): void {
    if (this.current === 'closed') return;
    this.port.sendReset(this, code);
    this.abort(code);
  }

  /** Lets the client send `length` more bytes, which have come and are taken. */
  giveBack(length: number): void {
    if (!this.receives) return;
    const increment = this.receiveWindow.giveBack(length);
    if (increment > 0) this.port.sendCredit(this, increment);
  }

  /** Lets the client send `length` bytes that are known to come, without waiting for further credit. */
  expect(length: number): void {
    if (!this.receives) return;
    const increment = this.receiveWindow.widen(length);
    if (increment > 0) this.port.sendCredit(this, increment);
  }

  /** The first bytes that wait have been sent. */
  shift(): void {
    this.outgoing.shift();
    if (this.outgoing.length === 0 && this.trailers !== undefined) this.finish(this.trailers);
  }

  /** The client has sent everything. @throws when it had done so before */
  receiveEnd(): void {
    this.endRequest();
    this.tellEnd();
  }

  /** The client has sent everything; the listener is told with `tellEnd`. @throws when it had done so before */
  endRequest(): void {
    if (!this.receives) throw new Error(`stream ${this.id} is ${this.current} and receives no end`);
    if (this.current === 'open') this.current = 'half-closed-remote';
    else this.close();
  }

  tellEnd(): void {
    this.listener.endOfRequest();
  }

  /** The client reset the stream, or broke the protocol in it, or the connection is gone: the listener is told. Never throws. */
  abort(code: ErrorCodeName | 'CONNECTION_LOST'): void {
    if (this.current === 'closed') return;
    const { listener } = this;
    this.close();
    try {
      listener.reset(code);
    } catch (error) {
      this.port.fault(error);
    }
  }

  private finish(trailers: HeaderList): void {
    if (trailers.length === 0) this.port.sendEnd(this);
    else this.port.sendHeaders(this, trailers, true);
    this.trailers = trailers;
    if (this.current === 'half-closed-remote') {
      this.close();
      return;
    }
    // The client need not send the rest (RFC 9113, section 8.1), but curl fails when it is told so at once: what comes is thrown away.
    this.current = 'half-closed-local';
    this.movedAt = this.port.now();
    this.listener = { ...ignore, data: (_bytes, start, end) => this.giveBack(end - start) };
  }

  private close(): void {
    this.current = 'closed';
    this.listener = ignore;
    this.outgoing = [];
    this.port.closed(this);
  }

  private requireBegun(): void {
    if (!this.begun) throw new Error(`stream ${this.id} has not sent the headers of its response`);
  }

  private requireSending(what: string): void {
    if (!this.sends || this.trailers !== undefined) throw new Error(`stream ${this.id} is ${this.current}, and sends no ${what} any more`);
  }
}
