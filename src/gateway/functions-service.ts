import type { Contract } from '@dcf/sdk/contract';
import { type DaemonReport, decodeInvokeRequest, encodeInvokeReply, encodeReport } from '@dcf/sdk/contract';
import { type handleUnaryCall, Metadata, type ServiceDefinition, type sendUnaryData } from '@grpc/grpc-js';
import type { Success } from '../pool/invocation.js';
import { type GrpcService, type MethodOptions, statusOf, toStatus } from './grpc-method.js';
import type { Invoker } from './invoke.js';

/** Metadata that is for the daemon or for HTTP/2, and not for the Handler. */
const notForHandler = new Set([
  'authorization',
  'dcf-request-id',
  'dcf-alias',
  'dcf-report',
  'user-agent',
  'content-length',
  'grpc-previous-rpc-attempts',
]);

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
      const deadline = Number(call.getDeadline());
      const cancel = invoker.invoke(
        {
          function: envelope.function,
          input: envelope.input,
          timeoutMs: deadline === Number.POSITIVE_INFINITY ? deadline : Math.max(0, deadline - Date.now()),
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

function reportTrailers(report: DaemonReport): Metadata {
  const trailers = new Metadata();
  trailers.set('dcf-request-id', report.id);
  trailers.set('dcf-report', encodeReport(report));
  return trailers;
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

type Values = Readonly<Record<string, string | Buffer>>;

function textOf(value: string | Buffer | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function handlerMetadata(metadata: Values): Record<string, string> | undefined {
  let found: Record<string, string> | undefined;
  for (const key in metadata) {
    const value = metadata[key];
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
  return { ...definition, Invoke: { ...invoke, requestDeserialize: identity, responseSerialize: serializeReply } };
}

/** The service `dcf.v1.Functions`: calls. */
export function functionsService(contract: Contract, invoker: Invoker, options: MethodOptions): GrpcService {
  return [withRawInvoke(contract.dcf.Functions.service), { Invoke: invokeMethod(invoker, options) }];
}
