import type { RequestHead } from '../http2/request-head.js';
import type { Stream, StreamListener } from '../http2/stream.js';
import { type CallOptions, type Method, type ReceiveBudget, ServerCall } from './call.js';
import { type CallFields, callFields, isGrpc } from './metadata.js';
import { type Status, statusCodes, statusFields } from './status.js';
import { WaitingCalls } from './waiting-calls.js';

export interface GrpcServiceOptions {
  /** The methods by their paths, such as `/grpc.health.v1.Health/Check`. */
  methods: ReadonlyMap<string, Method>;
  /** Most bytes of a message. */
  maxMessageLength: number;
  budget: ReceiveBudget;
  /** How long a request may take to come, in milliseconds. For a stream: its first message. */
  bodyTimeoutMs: number;
  /** Makes the status of what a method throws. */
  statusOf: (error: unknown) => Status;
}

const notGrpc: StreamListener = { data: () => undefined, endOfRequest: () => undefined, reset: () => undefined };

/** Answers the requests of HTTP/2 connections as calls of gRPC (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
export class GrpcService {
  private readonly waiting: WaitingCalls;
  private readonly callOptions: CallOptions;
  private lastHead: RequestHead | undefined;
  private lastFields: CallFields | undefined;

  constructor(private readonly options: GrpcServiceOptions) {
    this.waiting = new WaitingCalls(options.bodyTimeoutMs);
    const { maxMessageLength, budget, statusOf } = options;
    this.callOptions = { maxMessageLength, budget, statusOf, onComplete: (call) => this.waiting.remove(call) };
  }

  /** Stops its timer. */
  stop(): void {
    this.waiting.stop();
  }

  /** Takes a new stream: the `onStream` of a connection. */
  take(stream: Stream, head: RequestHead | undefined): StreamListener {
    if (head === undefined) return refuse(stream, { code: statusCodes.RESOURCE_EXHAUSTED, message: 'the metadata is over the limit' });
    const fields = this.fieldsOf(head);
    if (!isGrpc(fields.contentType)) return new HttpRefusal(stream, head, '415', this.options.bodyTimeoutMs);
    if (head.method !== 'POST') return new HttpRefusal(stream, head, '405', this.options.bodyTimeoutMs);
    const method = this.options.methods.get(head.path);
    if (method === undefined) return refuse(stream, { code: statusCodes.UNIMPLEMENTED, message: `there is no method ${head.path}` });
    if (fields.encoding !== 'identity' && fields.encoding !== 'gzip') return refuseEncoding(stream, fields.encoding);
    if (fields.timeoutMs === undefined) return refuse(stream, { code: statusCodes.INVALID_ARGUMENT, message: 'malformed grpc-timeout' });
    const call = new ServerCall(head.path, stream, fields, this.callOptions);
    this.waiting.add(call);
    call.begin(method);
    return call;
  }

  /** What gRPC reads of the fields. Clients send the same ones again and again, and the connection then gives the same object. */
  private fieldsOf(head: RequestHead): CallFields {
    if (head === this.lastHead && this.lastFields !== undefined) return this.lastFields;
    const fields = callFields(head.fields);
    this.lastHead = head;
    this.lastFields = fields;
    return fields;
  }
}

const nothing = new Uint8Array(0);

function refuse(stream: Stream, status: Status): StreamListener {
  stream.end([':status', '200', 'content-type', 'application/grpc', ...statusFields(status)]);
  return notGrpc;
}

function refuseEncoding(stream: Stream, encoding: string): StreamListener {
  const message = `the encoding ${encoding} is not supported; supported are identity and gzip`;
  return refuse(stream, { code: statusCodes.UNIMPLEMENTED, message, trailers: ['grpc-accept-encoding', 'identity,gzip'] });
}

/**
 * A request that is not gRPC: it gets an answer of HTTP when all of it has come, as clients of HTTP/1.1 habits read no answer before. Its body
 * is thrown away.
 */
class HttpRefusal implements StreamListener {
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly stream: Stream,
    private readonly head: RequestHead,
    private readonly status: '405' | '415',
    timeoutMs: number,
  ) {
    this.timer = setTimeout(() => stream.reset('CANCEL'), timeoutMs).unref();
  }

  data(_bytes: Buffer, start: number, end: number): void {
    this.stream.giveBack(end - start);
  }

  endOfRequest(): void {
    clearTimeout(this.timer);
    const { status } = this;
    const allow = status === '405' ? ['allow', 'POST'] : [];
    this.stream.respond([':status', status, 'content-type', 'text/plain; charset=utf-8', 'x-content-type-options', 'nosniff', ...allow]);
    if (this.head.method !== 'HEAD') this.stream.send(httpTexts[status], nothing);
    this.stream.end();
  }

  reset(): void {
    clearTimeout(this.timer);
  }
}

const httpTexts = {
  405: Buffer.from('this address serves gRPC: the method must be POST\n'),
  415: Buffer.from('this address serves gRPC: the content type must be application/grpc\n'),
};
