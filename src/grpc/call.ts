import type { ErrorCodeName } from '../http2/errors.js';
import type { HeaderList } from '../http2/hpack/header-list.js';
import type { Stream, StreamListener } from '../http2/stream.js';
import { inflate } from './inflate.js';
import { MessageReader, type MessageSink, prefixLength } from './message-reader.js';
import type { CallFields, Metadata } from './metadata.js';
import { type Status, StatusError, statusFields } from './status.js';

/** Receives what a client sends in a call. After `cancelled`, and after the call has ended, nothing is called any more. */
export interface CallHandler {
  /** A message that was asked for with `read`; the first one is always asked for. Its bytes are counted in the budget. */
  message(bytes: Buffer): void;
  /** The client has sent all messages. */
  halfClose(): void;
  /** The client gave the call up, or is gone. */
  cancelled(): void;
}

/** Limits the bytes of requests that are held at the same time. */
export interface ReceiveBudget {
  /** Counts `bytes` that have come; `own` bytes of the same message were counted before. @throws to refuse them */
  take(bytes: number, own: number): void;
  /** Bytes that were counted are no longer held, or their holder counts them from now on. */
  give(bytes: number): void;
}

/** Serves the calls of one method. */
export interface Method {
  /** Whether the request may take any time to come after its first message. */
  readonly streamed: boolean;
  /** Takes a call when its headers have come, and returns who receives its messages. What it throws ends the call. */
  begin(call: ServerCall): CallHandler;
}

export interface CallOptions {
  /** Most bytes of a message. */
  maxMessageLength: number;
  budget: ReceiveBudget;
  /** Makes the status of what a handler throws. */
  statusOf: (error: unknown) => Status;
  /** Called when the request has come as far as it has to, and when the call has ended: at least once. */
  onComplete: (call: ServerCall) => void;
}

const responseHeaders: HeaderList = [':status', '200', 'content-type', 'application/grpc'];

/** One call of a client, on a stream of its connection. */
export class ServerCall implements StreamListener, MessageSink {
  /** When the call came, on the clock of `performance.now()`. */
  readonly since = performance.now();
  previous: ServerCall | undefined;
  next: ServerCall | undefined;
  /** Whether it is in the list of calls that wait for their requests. */
  waits = false;
  private streamed = false;
  private handler: CallHandler | undefined;
  private readonly reader: MessageReader;
  /** Bytes of the message that was delivered last, for which the client gets credit when the next one is asked for. */
  private delivered = 0;
  /** Bytes of a message that has not come as a whole, which the budget has counted. */
  private counted = 0;
  /** Gives up the message that is being inflated; `undefined` while there is none. */
  private inflating: (() => void) | undefined;
  private halfClosed = false;
  private halfCloseTold = false;
  private answerBegun = false;
  private over = false;

  constructor(
    readonly path: string,
    private readonly stream: Stream,
    private readonly fields: CallFields,
    private readonly options: CallOptions,
  ) {
    this.reader = new MessageReader(options.maxMessageLength, this);
  }

  /** Milliseconds that the client waits, from `since`; `Infinity` when it said nothing. */
  get timeoutMs(): number {
    return this.fields.timeoutMs ?? Number.POSITIVE_INFINITY;
  }

  /** Milliseconds that are left until the deadline; at least 0. */
  get remainingMs(): number {
    return this.timeoutMs === Number.POSITIVE_INFINITY ? this.timeoutMs : Math.max(0, this.since + this.timeoutMs - performance.now());
  }

  get metadata(): Metadata {
    return this.fields.metadata;
  }

  /** Whether the call has ended, in any way. */
  get ended(): boolean {
    return this.over;
  }

  /** Begins the call: `method` says who receives its messages. */
  begin(method: Method): void {
    this.streamed = method.streamed;
    this.guarded(() => {
      const handler = method.begin(this);
      if (!this.over) this.handler = handler;
    });
  }

  /** Bytes of a message that was delivered are no longer held. */
  release(bytes: number): void {
    this.options.budget.give(bytes);
  }

  /** Asks for the next message. Gives the client credit for the one before. */
  read(): void {
    if (this.over || this.inflating !== undefined) return;
    this.guarded(() => {
      this.stream.giveBack(this.delivered);
      this.delivered = 0;
      this.reader.next();
      this.checkHalfClose();
    });
  }

  /** Sends the response's headers, before the first message sends them. @param metadata - names and values in turn; @default none */
  sendHeaders(metadata?: HeaderList): void {
    if (this.over || this.answerBegun) return;
    this.stream.respond(metadata === undefined ? responseHeaders : responseHeaders.concat(metadata));
    this.answerBegun = true;
  }

  /**
   * Sends a message.
   *
   * @param taken - called when the memory of `message` is no longer needed, and so when there is room for another message; it is not
   *   called when the call ends in another way first
   */
  send(message: Uint8Array, taken?: () => void): void {
    if (this.over) return;
    this.sendHeaders();
    const prefix = Buffer.allocUnsafe(prefixLength);
    prefix[0] = 0;
    prefix.writeUInt32BE(message.length, 1);
    this.stream.send(prefix, message, taken);
  }

  /** Ends the call, after the messages that were sent. Does nothing when it has ended already. */
  end(status: Status): void {
    if (this.over) return;
    const fields = statusFields(status);
    this.stream.end(this.answerBegun ? fields : responseHeaders.concat(fields));
    this.finish();
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.guarded(() => {
      if (this.reader.missing > 0) this.count(Math.min(this.reader.missing, end - start));
      this.reader.push(bytes, start, end);
      this.checkHalfClose();
    });
  }

  /** The client has sent everything. */
  endOfRequest(): void {
    this.halfClosed = true;
    this.options.onComplete(this);
    this.guarded(() => this.checkHalfClose());
  }

  reset(_code: ErrorCodeName | 'CONNECTION_LOST'): void {
    const { handler } = this;
    this.finish();
    handler?.cancelled();
  }

  /** Ends the call, and tells its handler that nobody waits for it: its deadline has passed, or its body did not come. */
  abort(status: Status): void {
    if (this.over) return;
    const { handler } = this;
    this.end(status);
    handler?.cancelled();
  }

  private finish(): void {
    this.over = true;
    this.handler = undefined;
    this.inflating?.();
    this.inflating = undefined;
    this.options.budget.give(this.counted);
    this.counted = 0;
    this.options.onComplete(this);
  }

  allocate(length: number): Buffer {
    this.stream.expect(length);
    return Buffer.allocUnsafeSlow(length);
  }

  private count(bytes: number): void {
    this.options.budget.take(bytes, this.counted);
    this.counted += bytes;
  }

  receive(bytes: Buffer, compressed: boolean): void {
    this.delivered = bytes.length + prefixLength;
    if (!compressed) {
      this.deliver(bytes);
      return;
    }
    if (this.fields.encoding !== 'gzip') throw new StatusError('INTERNAL', 'a message is compressed, and the call names no grpc-encoding');
    this.inflating = inflate(bytes, {
      maxLength: this.options.maxMessageLength,
      count: (length) => this.count(length),
      done: (error, inflated) => {
        this.inflating = undefined;
        this.guarded(() => {
          if (inflated === undefined) throw error;
          this.deliver(inflated);
          this.checkHalfClose();
        });
      },
    });
  }

  private deliver(bytes: Buffer): void {
    if (this.streamed) this.options.onComplete(this);
    if (bytes.length > this.counted) this.count(bytes.length - this.counted);
    // What is left was counted for the bytes that this message was inflated from.
    else this.options.budget.give(this.counted - bytes.length);
    this.counted = 0;
    this.handler?.message(bytes);
  }

  private checkHalfClose(): void {
    if (!this.halfClosed || this.inflating !== undefined || this.over) return;
    if (this.reader.cut) throw new StatusError('INVALID_ARGUMENT', 'the request ends within a message');
    if (!this.reader.empty || this.halfCloseTold) return;
    this.halfCloseTold = true;
    this.handler?.halfClose();
  }

  /** Runs `task`; what it throws ends the call. */
  private guarded(task: () => void): void {
    if (this.over) return;
    try {
      task();
    } catch (error) {
      this.abort(error instanceof StatusError ? error.status : this.options.statusOf(error));
    }
  }
}
