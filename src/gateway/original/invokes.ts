import { decodeInvokeRequest } from '@dcf/sdk/contract';
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { DcfError } from '../../core/errors.js';
import type { Output } from '../../pool/calls/invocation.js';
import { copiedMemory } from '../copied-memory.js';
import { handlerMetadata, queryOf, reportTrailers, textOf, timeoutUntil } from '../grpc/grpc-call-metadata.js';
import { type MethodOptions, statusOf, toStatus } from '../grpc/grpc-method.js';
import type { Reply } from '../grpc/grpc-reply.js';
import type { InvokeRequest, Invoker } from '../invoker.js';
import { type Begin, type BegunCall, CallPipeline, type CallSink } from './call-pipeline.js';

/**
 * `Invokes` of the original contract: each request is a call of the function that it names, and the answers come in the order of
 * the requests: of a Handler that makes chunks one for each of them. The metadata of the stream is that of each call; a request id of the caller's gets the call's number behind it.
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
    const head = {
      selector: textOf(metadata['dcf-alias']),
      metadata: handlerMetadata(metadata),
      query: queryOf(metadata),
      contentType: textOf(metadata['dcf-content-type']),
    };
    const pipeline = new CallPipeline({
      send: (output, sent) => send(call, output, sent),
      finished: () => call.end(),
      failed: (error, report) => call.emit('error', toStatus(error, report === undefined ? undefined : reportTrailers(report))),
      hold: (held) => (held ? call.pause() : call.resume()),
    });
    let count = 0;
    const begin = (message: Buffer): Begin => {
      copiedMemory.add(message.length);
      count += 1;
      const id = requestId === undefined ? undefined : `${requestId}-${count}`;
      return (sink) => {
        try {
          const { function: name, input } = decodeInvokeRequest(message);
          const timeoutMs = timeoutUntil(Number(call.getDeadline()));
          return beginCall(invoker, { ...head, function: name, input, timeoutMs, requestId: id }, sink);
        } catch (error) {
          sink.settle({ ok: false, error: DcfError.from(error, 'INTERNAL') }, undefined);
          return { taken: () => undefined, cancel: () => undefined };
        }
      };
    };
    call.once('cancelled', () => pipeline.cancel());
    call.on('data', (message: Buffer) => pipeline.take(begin(message)));
    call.on('end', () => pipeline.finish());
  };
}

/** Begins a call that may make chunks. One that shares a batch with others makes none, and a call in chunks would have to run alone. */
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

function send(call: ServerDuplexStream<Buffer, Reply>, output: Output, sent: () => void): void {
  const reply: Reply = { output, copied: false };
  const { length } = output.output;
  call.write(reply, () => {
    copiedMemory.add(length);
    if (reply.copied) output.release(output.output);
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
