import { decodeInvokeRequest } from '@dcf/sdk/contract';
import { DcfError } from '../../core/errors.js';
import type { CallHandler, Method, ServerCall } from '../../grpc/call.js';
import { statusCodes } from '../../grpc/status.js';
import { sendOutput } from '../grpc/functions-service.js';
import { type CallMetadata, readMetadata, reportTrailers } from '../grpc/grpc-call-metadata.js';
import { type MethodOptions, toStatus } from '../grpc/grpc-method.js';
import type { InvokeRequest, Invoker } from '../invoker.js';
import { type Begin, type BegunCall, CallPipeline, type CallSink } from './call-pipeline.js';

/**
 * The method `Invokes` of the original contract. Each request is a call of the function that it names. The answers come in the order of
 * the requests; a Handler that makes chunks gives one answer for each chunk. The metadata of the stream is that of each call; if the
 * caller gave a request id, the number of the call is added to it.
 */
export function invokesMethod(invoker: Invoker, options: MethodOptions): Method {
  return {
    streamed: true,
    begin: (call) => {
      const metadata = readMetadata(call.metadata);
      options.authorize(metadata.authorization);
      return new InvokesCall(call, metadata, invoker);
    },
  };
}

/** One stream of calls. */
class InvokesCall implements CallHandler {
  private count = 0;
  private held = false;
  private readonly pipeline: CallPipeline;

  constructor(
    private readonly call: ServerCall,
    private readonly metadata: CallMetadata,
    private readonly invoker: Invoker,
  ) {
    this.pipeline = new CallPipeline({
      send: (output, sent) => sendOutput(call, output, sent),
      finished: () => call.end({ code: statusCodes.OK }),
      failed: (error, report) => call.end(toStatus(error, report === undefined ? [] : reportTrailers(report))),
      hold: (held) => this.hold(held),
    });
  }

  message(bytes: Buffer): void {
    this.call.release(bytes.length);
    this.pipeline.take(this.beginOf(bytes));
    if (!this.held) this.call.read();
  }

  halfClose(): void {
    this.pipeline.finish();
  }

  cancelled(): void {
    this.pipeline.cancel();
  }

  private hold(held: boolean): void {
    this.held = held;
    if (!held) this.call.read();
  }

  private beginOf(message: Buffer): Begin {
    const { invoker, metadata } = this;
    this.count += 1;
    const requestId = metadata.requestId === undefined ? undefined : `${metadata.requestId}-${this.count}`;
    return (sink) => {
      try {
        const { function: name, input } = decodeInvokeRequest(message);
        const timeoutMs = this.call.remainingMs;
        return beginCall(invoker, { ...metadata, function: name, input, timeoutMs, requestId }, sink);
      } catch (error) {
        sink.settle({ ok: false, error: DcfError.from(error, 'INTERNAL') }, undefined);
        return { taken: () => undefined, cancel: () => undefined };
      }
    };
  }
}

/** Begins a call: as a streamed call, unless the function has batches, as a streamed call is never batched. */
function beginCall(invoker: Invoker, request: InvokeRequest, sink: CallSink): BegunCall {
  if (!invoker.check(request).pool.batches) {
    return invoker.stream(request, { head: () => undefined, chunk: (chunk) => sink.output(chunk), room: () => undefined }, sink.settle);
  }
  const cancel = invoker.invoke(request, (outcome, report) => {
    if (outcome.ok) sink.output(outcome);
    sink.settle(outcome, report);
  });
  return { taken: () => undefined, cancel };
}
