import type { CallHandler, Method, ServerCall } from './call.js';
import { type Metadata, metadataFields } from './metadata.js';
import { RequestQueue } from './request-queue.js';
import { type Status, StatusError, statusCodes } from './status.js';

/** One method of a service, as it is described in the form of grpc-js and proto-loader. */
export interface MethodDefinition {
  readonly path: string;
  requestDeserialize(bytes: Buffer): unknown;
  responseSerialize(reply: unknown): Buffer;
}

/** Metadata to send: texts of ASCII, and bytes for names that end with "-bin". */
export type SentMetadata = Readonly<Record<string, string | Uint8Array>>;

/** What a method may know of its call, and do with it. */
export interface CallContext {
  readonly metadata: Metadata;
  /** Sends metadata in front of the first reply; does nothing when a reply has been sent. @throws TypeError for what gRPC cannot send */
  sendHeaders(metadata: SentMetadata): void;
  /** Sets metadata that goes with the status. @throws TypeError for what gRPC cannot send */
  setTrailers(metadata: SentMetadata): void;
  /** Aborts when the client gives the call up or is gone, and when its deadline passes. */
  readonly signal: AbortSignal;
}

/** The replies of a method that sends many. */
export interface ReplyStream<Reply> extends CallContext {
  /** Sends a reply. Resolves when there is room for another. Rejects with the signal's reason when the call is over. */
  send(reply: Reply): Promise<void>;
}

/** A method of one request and one reply. */
export interface UnaryMethod<Request, Reply> {
  readonly kind: 'unary';
  run(request: Request, context: CallContext): Reply | Promise<Reply>;
}

/** A method of one request and many replies. */
export interface ServerStreamMethod<Request, Reply> {
  readonly kind: 'server-stream';
  run(request: Request, replies: ReplyStream<Reply>): Promise<void>;
}

/** A method of many requests and one reply. */
export interface ClientStreamMethod<Request, Reply> {
  readonly kind: 'client-stream';
  run(requests: AsyncIterable<Request>, context: CallContext): Promise<Reply>;
}

/** A method of many requests and many replies. */
export interface BidirectionalMethod<Request, Reply> {
  readonly kind: 'bidirectional';
  run(requests: AsyncIterable<Request>, replies: ReplyStream<Reply>): Promise<void>;
}

export type AnyMethod<Request, Reply> =
  | UnaryMethod<Request, Reply>
  | ServerStreamMethod<Request, Reply>
  | ClientStreamMethod<Request, Reply>
  | BidirectionalMethod<Request, Reply>;

export function unary<Request, Reply>(run: UnaryMethod<Request, Reply>['run']): UnaryMethod<Request, Reply> {
  return { kind: 'unary', run };
}

export function serverStream<Request, Reply>(run: ServerStreamMethod<Request, Reply>['run']): ServerStreamMethod<Request, Reply> {
  return { kind: 'server-stream', run };
}

export function clientStream<Request, Reply>(run: ClientStreamMethod<Request, Reply>['run']): ClientStreamMethod<Request, Reply> {
  return { kind: 'client-stream', run };
}

export function bidirectional<Request, Reply>(run: BidirectionalMethod<Request, Reply>['run']): BidirectionalMethod<Request, Reply> {
  return { kind: 'bidirectional', run };
}

export interface MethodOptions {
  /** Called before anything of a call is read. What it throws ends the call. */
  authorize: (metadata: Metadata) => void;
  /** Makes the status of what a method throws. */
  statusOf: (error: unknown) => Status;
  /** Makes the error that a method's signal aborts with. */
  errorOf: (code: 'CANCELLED' | 'DEADLINE_EXCEEDED', message: string) => Error;
}

/** Makes a method that can be served: with the codecs of its definition. */
export function serve(definition: MethodDefinition, method: AnyMethod<unknown, unknown>, options: MethodOptions): Method {
  const streamed = method.kind === 'client-stream' || method.kind === 'bidirectional';
  return {
    streamed,
    begin: (call) => {
      options.authorize(call.metadata);
      return new ServedCall(call, definition, method, options);
    },
  };
}

/** One call of a method that is written with promises. */
class ServedCall implements CallHandler {
  private readonly ended = new AbortController();
  private readonly requests: RequestQueue;
  private trailers: readonly string[] = [];
  private readonly deadline: NodeJS.Timeout | undefined;

  constructor(
    private readonly call: ServerCall,
    private readonly definition: MethodDefinition,
    private readonly method: AnyMethod<unknown, unknown>,
    private readonly options: MethodOptions,
  ) {
    this.requests = new RequestQueue(() => call.read());
    this.deadline = deadlineOf(call, () => this.expire());
    void this.run();
  }

  message(bytes: Buffer): void {
    this.call.release(bytes.length);
    this.requests.push(this.definition.requestDeserialize(bytes));
  }

  halfClose(): void {
    this.requests.end();
  }

  cancelled(): void {
    this.stop(this.options.errorOf('CANCELLED', 'the caller gave up'));
  }

  private expire(): void {
    const error = this.options.errorOf('DEADLINE_EXCEEDED', 'the deadline of the call passed');
    this.stop(error);
    this.call.abort(this.options.statusOf(error));
  }

  private stop(error: Error): void {
    clearTimeout(this.deadline);
    // The first reason is the one that counts.
    if (this.ended.signal.aborted) return;
    this.ended.abort(error);
    this.requests.fail(error);
  }

  private async run(): Promise<void> {
    try {
      await this.answer();
      this.call.end({ code: statusCodes.OK, trailers: this.trailers });
    } catch (error) {
      const status = error instanceof StatusError ? error.status : this.options.statusOf(error);
      this.call.end({ ...status, trailers: [...(status.trailers ?? []), ...this.trailers] });
    } finally {
      clearTimeout(this.deadline);
    }
  }

  private async answer(): Promise<void> {
    const { method, requests } = this;
    const context: CallContext = {
      metadata: this.call.metadata,
      signal: this.ended.signal,
      sendHeaders: (metadata) => this.call.sendHeaders(metadataFields(metadata)),
      setTrailers: (metadata) => {
        this.trailers = metadataFields(metadata);
      },
    };
    const replies: ReplyStream<unknown> = { ...context, send: (reply) => this.send(reply) };
    switch (method.kind) {
      case 'unary':
        this.reply(await method.run(await requests.only(), context));
        return;
      case 'client-stream':
        this.reply(await method.run(requests, context));
        return;
      case 'server-stream':
        await method.run(await requests.only(), replies);
        return;
      case 'bidirectional':
        await method.run(requests, replies);
        return;
      default:
        method satisfies never;
    }
  }

  private reply(reply: unknown): void {
    this.call.send(this.definition.responseSerialize(reply));
  }

  private async send(reply: unknown): Promise<void> {
    const { signal } = this.ended;
    signal.throwIfAborted();
    if (this.call.ended) throw this.options.errorOf('CANCELLED', 'the call has ended');
    const bytes = this.definition.responseSerialize(reply);
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      this.call.send(bytes, () => {
        signal.removeEventListener('abort', stop);
        resolve();
      });
    });
  }
}

/** Longest time that Node's timers take. */
const maxTimerMs = 2 ** 31 - 1;

function deadlineOf(call: ServerCall, expire: () => void): NodeJS.Timeout | undefined {
  const { remainingMs } = call;
  return remainingMs <= maxTimerMs ? setTimeout(expire, Math.ceil(remainingMs)).unref() : undefined;
}
