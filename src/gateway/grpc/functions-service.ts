import type { Contract } from '@dcf/sdk/contract';
import { decodeInvokeRequest } from '@dcf/sdk/contract';
import type { handleUnaryCall, Metadata, ServiceDefinition, sendUnaryData } from '@grpc/grpc-js';
import type { Success } from '../../pool/calls/invocation.js';
import type { Invoker } from '../invoker.js';
import { handlerMetadata, headTrailers, queryOf, reportTrailers, textOf, timeoutUntil } from './grpc-call-metadata.js';
import { type GrpcService, type MethodOptions, statusOf, toStatus } from './grpc-method.js';
import { identity, type Reply, serializeReply } from './grpc-reply.js';
import { streamMethod } from './grpc-stream.js';

/**
 * The method `Invoke` of both contracts, which are alike on the wire. As every call goes through it, it reads and writes the envelope
 * itself, passes the body on without a copy, and creates no promise.
 */
export function invokeMethod(invoker: Invoker, options: MethodOptions): handleUnaryCall<Buffer, Reply> {
  return (call, callback) => {
    try {
      // Read once: each `get` of a Metadata checks and folds its key anew.
      const metadata = call.metadata.getMap();
      options.authorize(textOf(metadata['authorization']));
      const envelope = decodeInvokeRequest(call.request);
      const wantsReport = metadata['dcf-report'] === '1';
      const cancel = invoker.invoke(
        {
          function: envelope.function,
          input: envelope.input,
          timeoutMs: timeoutUntil(Number(call.getDeadline())),
          requestId: textOf(metadata['dcf-request-id']),
          selector: textOf(metadata['dcf-alias']),
          metadata: handlerMetadata(metadata),
          query: queryOf(metadata),
          contentType: textOf(metadata['dcf-content-type']),
        },
        (outcome, report) => {
          // Nearly every call succeeds and asks for no report: such a call does not pay for one.
          const trailers = report !== undefined && (wantsReport || !outcome.ok) ? reportTrailers(report()) : undefined;
          if (outcome.ok) sendReply(outcome, trailers, callback);
          else callback(toStatus(outcome.error, trailers));
        },
      );
      call.once('cancelled', cancel);
      // The event does not come again for a caller that gave up before the line above.
      if (call.cancelled) cancel();
    } catch (error) {
      callback(statusOf(error, options.onFault));
    }
  };
}

function sendReply(success: Success, trailers: Metadata | undefined, callback: sendUnaryData<Reply>): void {
  const reply: Reply = { output: success, copied: false };
  callback(null, reply, success.head === undefined ? trailers : headTrailers(success.head, trailers));
  if (reply.copied) success.release(success.output);
}

/** A service definition in which the named methods receive and send messages as bytes, without protobuf's codecs. */
export function withRawCalls(definition: ServiceDefinition, ...names: readonly string[]): ServiceDefinition {
  const raw = names.map((name) => {
    const method = definition[name];
    if (method === undefined) throw new Error(`the contract has no method ${name}`);
    return [name, { ...method, requestDeserialize: identity, responseSerialize: serializeReply }] as const;
  });
  return { ...definition, ...Object.fromEntries(raw) };
}

/** The service `dcf.v1.Functions`: calls. */
export function functionsService(contract: Contract, invoker: Invoker, options: MethodOptions): GrpcService {
  const { Stream: stream, ...unary } = withRawCalls(contract.dcf.Functions.service, 'Invoke');
  if (stream === undefined) throw new Error('the contract has no method Stream');
  const raw = { ...unary, Stream: { ...stream, requestDeserialize: identity, responseSerialize: identity } };
  return [raw, { Invoke: invokeMethod(invoker, options), Stream: streamMethod }];
}
