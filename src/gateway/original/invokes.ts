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
 * The method `Invokes` of the original contract. Each request is a call of the function that it names. The answers come in the order of
 * the requests; a Handler that makes chunks gives one answer for each chunk. The metadata of the stream is that of each call; if the
 * caller gave a request id, the number of the call is added to it.
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
 * Stops a paused stream from reading ahead. Node would read until sixteen messages wait, each as large as an input may be, and nothing
 * would count them. Only a private field of Node changes that; without the field (a test would fail) Node reads ahead.
 */
function readOneAtATime(call: ServerDuplexStream<Buffer, Reply>): void {
  const state: unknown = Reflect.get(call, '_readableState');
  if (typeof state === 'object' && state !== null) Reflect.set(state, 'highWaterMark', 0);
}
