import { ChunkReader, ChunkWriter, decodeStreamStart, replyChunks, requestChunks } from '@dcf/sdk/contract';
import { DcfError } from '../../core/errors.js';
import type { CallHandler, Method, ServerCall } from '../../grpc/call.js';
import { type Status, statusCodes } from '../../grpc/status.js';
import type { Outcome, Output, ReplyHead, StreamCaller, StreamedCall } from '../../pool/calls/invocation.js';
import type { Invoker, Settle } from '../invoker.js';
import { type CallMetadata, headTrailers, readMetadata, reportTrailers } from './grpc-call-metadata.js';
import { type MethodOptions, statusOf, toStatus } from './grpc-method.js';

/**
 * The method `Stream`. A message is read only when the worker has credit for it, and a chunk of the output counts until the system has
 * accepted it.
 */
export function streamMethod(invoker: Invoker, options: MethodOptions): Method {
  return {
    streamed: true,
    begin: (call) => {
      const metadata = readMetadata(call.metadata);
      options.authorize(metadata.authorization);
      return new GrpcStream(call, metadata, invoker, options);
    },
  };
}

/** One streamed call over gRPC. */
class GrpcStream implements StreamCaller, CallHandler {
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
      this.call.send(message, written);
    },
    (chunk) => this.sent(chunk),
  );

  constructor(
    private readonly call: ServerCall,
    private readonly metadata: CallMetadata,
    private readonly invoker: Invoker,
    private readonly options: MethodOptions,
  ) {}

  message(message: Buffer): void {
    // The budget counts the windows of the stream, and long chunks, on their own.
    this.call.release(message.length);
    this.guarded(() => {
      if (this.settled) return;
      if (this.inputEnded) throw new DcfError('INVALID_ARGUMENT', 'a message came after the last one of the stream (StreamRequest.last)');
      const first = this.streamed === undefined;
      if (first) this.start(message);
      this.chunks = new ChunkReader(message, requestChunks, first);
      this.handOn();
    });
  }

  halfClose(): void {
    this.guarded(() => {
      if (this.settled) return;
      if (this.streamed === undefined)
        throw new DcfError('INVALID_ARGUMENT', 'the stream ended without a message: the first one must name the function');
      if (this.inputEnded) return;
      if (this.marksLast) this.streamed.cancel();
      else this.streamed.end();
    });
  }

  /** The caller disconnected, or gave the call up. */
  cancelled(): void {
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
    const { function: name, input, marksLast } = decodeStreamStart(message);
    this.marksLast = marksLast;
    this.streamed = this.invoker.stream(
      { ...this.metadata, function: name, input, timeoutMs: this.call.remainingMs },
      this,
      (outcome, report) => this.settle(outcome, report),
    );
    // The headers tell a client that the call is accepted, and so not tried again: it may now read chunks that it can read only once.
    if (!this.settled) this.call.sendHeaders();
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
    this.call.read();
  }

  private sent(chunk: Output): void {
    const { length } = chunk.output;
    chunk.release(chunk.output);
    this.streamed?.taken(length);
  }

  private settle(outcome: Outcome, report: Parameters<Settle>[1]): void {
    this.settled = true;
    const wanted = this.metadata.wantsReport || !outcome.ok;
    const trailers = report !== undefined && wanted ? reportTrailers(report()) : [];
    if (this.chosen !== undefined) trailers.push(...headTrailers(this.chosen));
    if (outcome.ok) this.call.end({ code: statusCodes.OK, trailers });
    else this.sendError(toStatus(outcome.error, trailers));
  }

  private sendError(status: Status): void {
    if (!this.answerBegun || !this.metadata.lateStatus) {
      this.call.end(status);
      return;
    }
    const { code, message = '', trailers = [] } = status;
    const late = ['dcf-status', nameOf(code), 'dcf-details', encodeURIComponent(message)];
    this.call.end({ code: statusCodes.OK, trailers: [...trailers, ...late] });
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

function nameOf(code: number): string {
  return Object.entries(statusCodes).find(([, known]) => known === code)?.[0] ?? 'UNKNOWN';
}
