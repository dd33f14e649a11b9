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

/** Never called: the interceptor has the calls. The service has to name one for each method. */
export const streamMethod: handleBidiStreamingCall<Buffer, Buffer> = (call) => call.end();

/**
 * Serves `Stream`, and is for its calls alone. It takes them as an interceptor, for what a method is given reads up to sixteen messages ahead, of any
 * length: here each message is asked for when the worker has credit for it, and each chunk of output counts until HTTP/2 has it.
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
  /** Set once the first message has come. */
  private streamed: StreamedCall | undefined;
  /** Whether the client says which message of its input is the last, and whether that has been handed on. */
  private marksLast = false;
  private inputEnded = false;
  /** Chunks of the message that is being handed on. */
  private chunks: ChunkReader | undefined;
  private settled = false;
  private chosen: ReplyHead | undefined;
  /** A chunk has gone to the caller. */
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
      if (this.inputEnded) throw new DcfError('INVALID_ARGUMENT', 'a message came after the last of the stream');
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
        throw new DcfError('INVALID_ARGUMENT', 'the first message of a stream names the function; none came');
      if (this.inputEnded) return;
      if (this.marksLast) this.streamed.cancel();
      else this.streamed.end();
    });
  }

  /** The caller is gone, or the call has ended. */
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
    // Tells a client that the call is accepted: now it may take chunks from where it cannot take them again.
    if (!this.settled) this.call.sendMetadata(new Metadata());
  }

  /** Hands chunks of the message on for as long as there is room, and then asks for the next message. */
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

  /** What is thrown ends the call. */
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
