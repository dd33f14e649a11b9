import { decodeInvokeRequest } from '@dcf/sdk/contract';
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { DcfError } from '../core/errors.js';
import type { Success } from '../pool/invocation.js';
import { type Begin, CallPipeline } from './call-pipeline.js';
import { handlerMetadata, reportTrailers, textOf, timeoutUntil } from './grpc-call-metadata.js';
import { type MethodOptions, statusOf, toStatus } from './grpc-method.js';
import type { Reply } from './grpc-reply.js';
import type { Invoker } from './invoke.js';

/**
 * `Invokes` of the original contract: each request is a call of the function that it names, and the answers come in the order of
 * the requests. The metadata of the stream is that of each call; a request id of the caller's gets the call's number behind it.
 */
export function invokesMethod(invoker: Invoker, options: MethodOptions): handleBidiStreamingCall<Buffer, Reply> {
  return (call) => {
    readOneAtATime(call);
    const metadata = call.metadata.getMap();
    try {
      options.authorize(textOf(metadata['authorization']));
    } catch (error) {
      call.emit('error', statusOf(error, options.onFault));
      return;
    }
    const requestId = textOf(metadata['dcf-request-id']);
    const head = { selector: textOf(metadata['dcf-alias']), metadata: handlerMetadata(metadata) };
    const pipeline = new CallPipeline({
      send: (success, sent) => send(call, success, sent),
      finished: () => call.end(),
      failed: (error, report) => call.emit('error', toStatus(error, report === undefined ? undefined : reportTrailers(report))),
      hold: (held) => (held ? call.pause() : call.resume()),
    });
    let count = 0;
    const begin = (message: Buffer): Begin => {
      count += 1;
      const id = requestId === undefined ? undefined : `${requestId}-${count}`;
      return (settle) => {
        try {
          const { function: name, input } = decodeInvokeRequest(message);
          const timeoutMs = timeoutUntil(Number(call.getDeadline()));
          return invoker.invoke({ ...head, function: name, input, timeoutMs, requestId: id }, settle);
        } catch (error) {
          settle({ ok: false, error: DcfError.from(error, 'INTERNAL') }, undefined);
          return () => undefined;
        }
      };
    };
    call.once('cancelled', () => pipeline.cancel());
    call.on('data', (message: Buffer) => pipeline.take(begin(message)));
    call.on('end', () => pipeline.finish());
  };
}

function send(call: ServerDuplexStream<Buffer, Reply>, success: Success, sent: () => void): void {
  const reply: Reply = { success, copied: false };
  call.write(reply, () => {
    if (reply.copied) success.release(success.output);
    sent();
  });
}

/**
 * Has a stream that is paused read nothing. Node would go on until sixteen messages wait, each as large as an input may be, and
 * nobody would count them. Only a private field of Node's changes that; without it, which a test would notice, it reads those.
 */
function readOneAtATime(call: ServerDuplexStream<Buffer, Reply>): void {
  const state: unknown = Reflect.get(call, '_readableState');
  if (typeof state === 'object' && state !== null) Reflect.set(state, 'highWaterMark', 0);
}
