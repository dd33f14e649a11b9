import type { Contract } from '@dcf/sdk/contract';
import { decodeInvokeRequest, encodeInvokeReply } from '@dcf/sdk/contract';
import type { handleUnaryCall, Metadata, ServiceDefinition, sendUnaryData } from '@grpc/grpc-js';
import type { Success } from '../pool/invocation.js';
import { handlerMetadata, reportTrailers, textOf, timeoutUntil } from './grpc-call-metadata.js';
import { type GrpcService, type MethodOptions, statusOf, toStatus } from './grpc-method.js';
import { streamMethod } from './grpc-stream.js';
import type { Invoker } from './invoke.js';

const identity = (message: Buffer): Buffer => message;

/**
 * `Invoke` of either contract: the two are alike on the wire. It reads and writes its envelope itself and passes the body
 * on without a copy, and it is the one method that avoids every promise: it is the path of each call.
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
        },
        (outcome, report) => {
          // A success without a report pays nothing for it: this is the path of nearly every call.
          const trailers = report !== undefined && (wantsReport || !outcome.ok) ? reportTrailers(report()) : undefined;
          if (outcome.ok) sendReply(outcome, trailers, callback);
          else callback(toStatus(outcome.error, trailers));
        },
      );
      call.once('cancelled', cancel);
      // A caller that gave up before this line is not told of again.
      if (call.cancelled) cancel();
    } catch (error) {
      callback(statusOf(error, options.onFault));
    }
  };
}

/** What is given to grpc-js, and whether it has made its own copy yet. */
interface Reply {
  success: Success;
  copied: boolean;
}

function sendReply(success: Success, trailers: Metadata | undefined, callback: sendUnaryData<Reply>): void {
  const reply: Reply = { success, copied: false };
  callback(null, reply, trailers);
  if (reply.copied) success.release(success.output);
}

/** grpc-js copies what this returns into its frame before it does anything else. */
function serializeReply(reply: Reply): Buffer {
  reply.copied = true;
  return encodeInvokeReply(reply.success.output, reply.success.headroom);
}

/** A definition whose method `Invoke`, and `Stream` where it has one, hands over the bytes as they are. */
export function withRawInvoke(definition: ServiceDefinition): ServiceDefinition {
  const { Invoke: invoke, Stream: stream } = definition;
  if (invoke === undefined) throw new Error('the contract has no method Invoke');
  const raw = { ...definition, Invoke: { ...invoke, requestDeserialize: identity, responseSerialize: serializeReply } };
  return stream === undefined ? raw : { ...raw, Stream: { ...stream, requestDeserialize: identity, responseSerialize: identity } };
}

/** The service `dcf.v1.Functions`: calls. */
export function functionsService(contract: Contract, invoker: Invoker, options: MethodOptions): GrpcService {
  return [withRawInvoke(contract.dcf.Functions.service), { Invoke: invokeMethod(invoker, options), Stream: streamMethod }];
}
