import type { Contract } from '@dcf/sdk/contract';
import { decodeInvokeRequest, encodeInvokeReply } from '@dcf/sdk/contract';
import { DcfError } from '../../core/errors.js';
import type { CallHandler, Method, ServerCall } from '../../grpc/call.js';
import { statusCodes } from '../../grpc/status.js';
import type { Outcome, Output } from '../../pool/calls/invocation.js';
import type { Invoker, Settle } from '../invoker.js';
import { headTrailers, readMetadata, reportTrailers } from './grpc-call-metadata.js';
import { type GrpcService, type MethodOptions, statusOf, toStatus } from './grpc-method.js';
import { streamMethod } from './grpc-stream.js';

/**
 * The method `Invoke` of both contracts, which are alike on the wire. As every call goes through it, it reads and writes the envelope
 * itself, passes the body on without a copy, and creates no promise.
 */
export function invokeMethod(invoker: Invoker, options: MethodOptions): Method {
  return {
    streamed: false,
    begin: (call) => {
      options.authorize(readMetadata(call.metadata).authorization);
      return new InvokeCall(call, invoker, options);
    },
  };
}

/** Outputs of at least this many bytes may lie in memory that is used again once they are sent (wire/body-pool.ts). */
const leastReleased = 16 * 1024;

/** One call of `Invoke`. */
class InvokeCall implements CallHandler {
  private request: Buffer | undefined;
  private cancel: (() => void) | undefined;

  constructor(
    private readonly call: ServerCall,
    private readonly invoker: Invoker,
    private readonly options: MethodOptions,
  ) {}

  message(bytes: Buffer): void {
    if (this.request !== undefined) {
      this.call.release(bytes.length);
      throw new DcfError('UNIMPLEMENTED', 'the call came with a second request message, and Invoke takes one');
    }
    this.request = bytes;
    this.call.read();
  }

  halfClose(): void {
    const { call, request, invoker } = this;
    if (request === undefined) throw new DcfError('UNIMPLEMENTED', 'the call came without a request message');
    const { function: name, input } = decodeInvokeRequest(request);
    this.request = undefined;
    call.release(request.length - input.length);
    const head = readMetadata(call.metadata);
    // The invoker releases the bytes of the input.
    this.cancel = invoker.invoke({ ...head, function: name, input, timeoutMs: call.remainingMs, counted: true }, (outcome, report) =>
      this.settle(outcome, report, head.wantsReport),
    );
  }

  cancelled(): void {
    if (this.request !== undefined) this.call.release(this.request.length);
    this.request = undefined;
    this.cancel?.();
  }

  private settle(outcome: Outcome, report: Parameters<Settle>[1], wantsReport: boolean): void {
    const { call } = this;
    try {
      // Nearly every call succeeds and asks for no report: such a call does not pay for one.
      const trailers = report !== undefined && (wantsReport || !outcome.ok) ? reportTrailers(report()) : [];
      if (!outcome.ok) {
        call.end(toStatus(outcome.error, trailers));
        return;
      }
      sendOutput(call, outcome);
      if (outcome.head !== undefined) trailers.push(...headTrailers(outcome.head));
      call.end(trailers.length === 0 ? ok : { code: statusCodes.OK, trailers });
    } catch (error) {
      call.end(statusOf(error, this.options.onFault));
    }
  }
}

const ok = { code: statusCodes.OK };

/** Sends an output as the message of a reply. */
export function sendOutput(call: ServerCall, { output, headroom, release }: Output, sent?: () => void): void {
  const message = encodeInvokeReply(output, headroom);
  if (output.length < leastReleased) {
    call.send(message, sent);
    return;
  }
  call.send(message, () => {
    release(output);
    sent?.();
  });
}

/** The service `dcf.v1.Functions`: calls. */
export function functionsService(contract: Contract, invoker: Invoker, options: MethodOptions): GrpcService {
  const { Invoke: invoke, Stream: stream } = contract.dcf.Functions.service;
  return new Map([
    [invoke.path, invokeMethod(invoker, options)],
    [stream.path, streamMethod(invoker, options)],
  ]);
}
