import type { Contract } from '@dcf/sdk/contract';
import { decodeInvokeRequest, encodeInvokeReply } from '@dcf/sdk/contract';
import type { handleUnaryCall, Metadata, ServiceDefinition } from '@grpc/grpc-js';
import { DcfError } from '../core/errors.js';
import { authorizationOf, type GrpcService, type MethodOptions, toStatus } from './grpc-method.js';
import type { Invoker } from './invoke.js';

/** Metadata that is for the daemon or for HTTP/2, and not for the Handler. */
const notForHandler = new Set([
  'authorization',
  'dcf-request-id',
  'dcf-alias',
  'user-agent',
  'content-length',
  'grpc-previous-rpc-attempts',
]);

const identity = (message: Buffer): Buffer => message;

/**
 * `Invoke` of either contract: the two are alike on the wire. It reads and writes its envelope itself and passes the body
 * on without a copy, and it is the one method that avoids every promise: it is the path of each call.
 */
export function invokeMethod(invoker: Invoker, options: MethodOptions): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const fail = (error: DcfError): void => callback(toStatus(error), null);
    try {
      const { metadata } = call;
      options.authorize(authorizationOf(metadata));
      const envelope = decodeInvokeRequest(call.request);
      const deadline = Number(call.getDeadline());
      const cancel = invoker.invoke(
        {
          function: envelope.function,
          input: envelope.input,
          timeoutMs: deadline === Number.POSITIVE_INFINITY ? deadline : Math.max(0, deadline - Date.now()),
          requestId: metadata.get('dcf-request-id')[0]?.toString(),
          selector: metadata.get('dcf-alias')[0]?.toString(),
          metadata: handlerMetadata(metadata),
        },
        (outcome) => {
          if (outcome.ok) callback(null, encodeInvokeReply(outcome.output, outcome.headroom));
          else fail(outcome.error);
        },
      );
      call.once('cancelled', cancel);
    } catch (error) {
      if (!DcfError.is(error)) options.onFault(error);
      fail(DcfError.is(error) ? error : new DcfError('INTERNAL', 'the daemon failed; its log says more'));
    }
  };
}

function handlerMetadata(metadata: Metadata): Record<string, string> | undefined {
  let found: Record<string, string> | undefined;
  for (const [key, value] of Object.entries(metadata.getMap())) {
    if (notForHandler.has(key) || typeof value !== 'string') continue;
    found ??= {};
    found[key] = value;
  }
  return found;
}

/** A definition whose method `Invoke` hands over the bytes as they are. */
export function withRawInvoke(definition: ServiceDefinition): ServiceDefinition {
  const invoke = definition['Invoke'];
  if (invoke === undefined) throw new Error('the contract has no method Invoke');
  return { ...definition, Invoke: { ...invoke, requestDeserialize: identity, responseSerialize: identity } };
}

/** The service `dcf.v1.Functions`: calls. */
export function functionsService(contract: Contract, invoker: Invoker, options: MethodOptions): GrpcService {
  return [withRawInvoke(contract.dcf.Functions.service), { Invoke: invokeMethod(invoker, options) }];
}
