import { encodeReport } from '@dcf/sdk/contract';
import type { InvokeRequest, Invoker } from '../invoker.js';
import { checkAnnounced, readBody } from './http-body.js';
import type { Exchange } from './http-exchange.js';
import { readHead } from './http-head.js';
import { HttpStream } from './http-stream.js';

/**
 * Serves a call: the request's body is the input, the answer's body is the output. The head is checked before the body is read.
 *
 * @throws DcfError for a request whose head is refused
 */
export function serveCall(exchange: Exchange, invoker: Invoker, name: string): void {
  const { request } = exchange;
  const head = readHead(name, request.headers, request.url ?? '');
  const { timeoutMs } = head;
  const { maxPayload } = invoker.check(head);
  const limits = { name, maxPayload, budget: invoker.budget };
  checkAnnounced(request, limits);
  const startedAt = timeoutMs === Number.POSITIVE_INFINITY ? 0 : performance.now();
  exchange.invite();
  readBody(request, limits, (body) => {
    switch (body.kind) {
      case 'whole': {
        const rest = timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : Math.max(0, timeoutMs - (performance.now() - startedAt));
        const call: InvokeRequest = {
          function: name,
          requestId: exchange.id,
          selector: head.selector,
          metadata: head.metadata,
          query: head.query,
          contentType: head.contentType,
          input: body.input,
          timeoutMs: rest,
          counted: true,
        };
        run(exchange, invoker, call);
        return;
      }
      case 'refused':
        exchange.fail(body.error);
        return;
      case 'gone':
        return;
      default:
        body satisfies never;
    }
  });
}

/** Runs a call, and cancels it when its connection closes. */
function run(exchange: Exchange, invoker: Invoker, call: InvokeRequest): void {
  // The socket's event, as a response that waits behind another one on its connection gets no `close`.
  const { socket, headers } = exchange.request;
  let settled = false;
  let stream: HttpStream | undefined;
  let cancel = (): void => undefined;
  const onClose = (): void => cancel();
  call.onChunks = (streamed) => {
    stream = new HttpStream(exchange, streamed);
    return stream;
  };
  cancel = invoker.invoke(call, (outcome, report) => {
    settled = true;
    socket.off('close', onClose);
    if (stream !== undefined) {
      stream.finish(outcome);
      return;
    }
    if (report !== undefined && (!outcome.ok || headers['dcf-report'] === '1')) exchange.addHeader('dcf-report', encodeReport(report()));
    if (outcome.ok) exchange.output(outcome);
    else exchange.fail(outcome.error);
  });
  if (settled) return;
  if (socket.destroyed) cancel();
  else socket.once('close', onClose);
}
