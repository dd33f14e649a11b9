import { ChunkReader, ChunkWriter, decodeStreamStart, replyChunks, requestChunks } from '@dcf/sdk/contract';
import {
  type handleBidiStreamingCall,
  Metadata,
  type ServerErrorResponse,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import { DcfError } from '../../core/errors.js';
import type { Outcome, Output, ReplyHead, StreamCaller, StreamedCall } from '../../pool/calls/invocation.js';
import { copiedMemory } from '../copied-memory.js';
import type { Invoker, Settle } from '../invoker.js';
import { handlerMetadata, headTrailers, type MetadataValues, queryOf, reportTrailers, textOf, timeoutUntil } from './grpc-call-metadata.js';
import { type MethodOptions, statusOf, toStatus } from './grpc-method.js';

type Call = ServerInterceptingCallInterface;

/** The method whose calls are streams. */
export const streamPath = '/dcf.v1.Functions/Stream';

/** Never called, as the interceptor serves the calls; but grpc-js requires an implementation of each method. */
export const streamMethod: handleBidiStreamingCall<Buffer, Buffer> = (call) => call.end();

/**
 * Serves the calls of `Stream`, and only those. It is an interceptor because the stream that grpc-js gives to a method reads up to sixteen
 * messages ahead, of any length. Here a message is read only when the worker has credit for it, and a chunk of the output counts until
 * HTTP/2 has accepted it.
 */
export function streamInterceptor(invoker: Invoker, options: MethodOptions): ServerInterceptor {
  return (_method, call) => new InterceptedStream(call, invoker, options);
}

class InterceptedStream extends ServerInterceptingCall {
  constructor(
    private readonly inner: Call,
    private readonly invoker: Invoker,
    private readonly options: MethodOptions,
  ) {
    super(inner);
  }

  override start(): void {
    const stream = new GrpcStream(this.inner, this.invoker, this.options);
    this.inner.start({
      onReceiveMetadata: (metadata) => stream.begin(metadata),
      onReceiveMessage: (message: unknown) => stream.receive(message),
      onReceiveHalfClose: () => stream.receiveEnd(),
      onCancel: () => stream.cancel(),
    });
  }
}

/** One streamed call over gRPC. */
class GrpcStream implements StreamCaller {
  private metadata: MetadataValues = {};
  /** The call itself; set with the first message. */
  private streamed: StreamedCall | undefined;
  /** Whether the client marks the last message of its input. */
  private marksLast = false;
  /** Whether the last message of the input has been passed on. */
  private inputEnded = false;
  /** The rest of the message whose chunks are being passed on. */
  private chunks: ChunkReader | undefined;
  private settled = false;
  /** The status and headers that the Handler chose. */
  private chosen: ReplyHead | undefined;
  /** Whether a chunk has been sent to the caller. */
  private answerBegun = false;
  private readonly writer = new ChunkWriter<Output>(
    replyChunks,
    (message, written) => {
      this.answerBegun = true;
      this.call.sendMessage(message, written);
    },
    (chunk) => this.sent(chunk),
  );

  constructor(
    private readonly call: Call,
    private readonly invoker: Invoker,
    private readonly options: MethodOptions,
  ) {}

  begin(metadata: Metadata): void {
    this.metadata = metadata.getMap();
    this.guarded(() => {
      this.options.authorize(textOf(this.metadata['authorization']));
      this.call.startRead();
    });
  }

  receive(message: unknown): void {
    this.guarded(() => {
      if (this.settled || !Buffer.isBuffer(message)) return;
      copiedMemory.add(message.length);
      if (this.inputEnded) throw new DcfError('INVALID_ARGUMENT', 'a message came after the last one of the stream (StreamRequest.last)');
      const first = this.streamed === undefined;
      if (first) this.start(message);
      this.chunks = new ChunkReader(message, requestChunks, first);
      this.handOn();
    });
  }

  receiveEnd(): void {
    this.guarded(() => {
      if (this.settled) return;
      if (this.streamed === undefined)
        throw new DcfError('INVALID_ARGUMENT', 'the stream ended without a message: the first one must name the function');
      if (this.inputEnded) return;
      if (this.marksLast) this.streamed.cancel();
      else this.streamed.end();
    });
  }

  /** Called when the caller disconnects or cancels, and when the call has ended. */
  cancel(): void {
    this.settled ||= this.streamed === undefined;
    this.streamed?.cancel();
  }

  head(head: ReplyHead): void {
    this.chosen = head;
  }

  chunk(chunk: Output): void {
    this.writer.send(chunk);
  }

  room(): void {
    this.guarded(() => this.handOn());
  }

  private start(message: Buffer): void {
    const { metadata } = this;
    const { function: name, input, marksLast } = decodeStreamStart(message);
    this.marksLast = marksLast;
    this.streamed = this.invoker.stream(
      {
        function: name,
        input,
        timeoutMs: timeoutUntil(Number(this.call.getDeadline())),
        requestId: textOf(metadata['dcf-request-id']),
        selector: textOf(metadata['dcf-alias']),
        metadata: handlerMetadata(metadata),
        query: queryOf(metadata),
        contentType: textOf(metadata['dcf-content-type']),
      },
      this,
      (outcome, report) => this.settle(outcome, report),
    );
    // The headers tell a client that the call is accepted, and so not tried again: it may now read chunks that it can read only once.
    if (!this.settled) this.call.sendMetadata(new Metadata());
  }

  /** Passes chunks of the message on while there is room, and then asks for the next message. */
  private handOn(): void {
    const { chunks, streamed } = this;
    if (chunks === undefined || streamed === undefined || this.settled) return;
    for (let chunk = chunks.next(); chunk !== undefined; chunk = chunks.next()) {
      if (!streamed.write(chunk)) return;
    }
    this.chunks = undefined;
    if (chunks.last) {
      this.inputEnded = true;
      streamed.end();
    }
    this.call.startRead();
  }

  private sent(chunk: Output): void {
    const { length } = chunk.output;
    chunk.release(chunk.output);
    copiedMemory.add(length);
    this.streamed?.taken(length);
  }

  private settle(outcome: Outcome, report: Parameters<Settle>[1]): void {
    this.settled = true;
    const wanted = this.metadata['dcf-report'] === '1' || !outcome.ok;
    const trailers = report !== undefined && wanted ? reportTrailers(report()) : new Metadata();
    if (this.chosen !== undefined) headTrailers(this.chosen, trailers);
    if (outcome.ok) this.call.sendStatus({ code: status.OK, details: 'OK', metadata: trailers });
    else this.sendError(toStatus(outcome.error, trailers));
  }

  private sendError(error: ServerErrorResponse): void {
    const { code = status.UNKNOWN, details = error.message, metadata = new Metadata() } = error;
    if (this.answerBegun && this.metadata['dcf-late-status'] === '1') {
      metadata.set('dcf-status', status[code]);
      metadata.set('dcf-details', encodeURIComponent(details));
      this.call.sendStatus({ code: status.OK, details: 'OK', metadata });
    } else {
      this.call.sendStatus({ code, details, metadata });
    }
  }

  /** Runs `task`; what it throws ends the call. */
  private guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      if (this.streamed !== undefined && DcfError.is(error)) {
        this.streamed.cancel(error);
        return;
      }
      this.settled = true;
      this.sendError(statusOf(error, this.options.onFault));
      this.streamed?.cancel();
    }
  }
}
