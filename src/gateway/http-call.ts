import { encodeReport } from '@dcf/sdk/contract';
import { checkAnnounced, readBody } from './http-body.js';
import type { Exchange } from './http-exchange.js';
import { readHead } from './http-head.js';
import type { InvokeRequest, Invoker, Settle } from './invoke.js';

/**
 * Serves a call: the request's body is the input, the answer's body the output. What can be refused is refused before the body
 * is read.
 *
 * @param revision - from the URL
 * @throws DcfError for a request that is refused by its head
 */
export function serveCall(exchange: Exchange, invoker: Invoker, name: string, revision: string | readonly string[] | undefined): void {
  const { request } = exchange;
  const head = readHead(name, request.headers, revision);
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
          input: body.input,
          timeoutMs: rest,
          counted: true,
        };
        run(exchange, (settle) => invoker.invoke(call, settle));
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

/** Runs a call that is cancelled when its connection ends. */
function run(exchange: Exchange, invoke: (settle: Settle) => () => void): void {
  // Not the response's own event: one that waits behind another on its connection is not told.
  const { socket, headers } = exchange.request;
  let settled = false;
  let cancel = (): void => undefined;
  const onClose = (): void => cancel();
  cancel = invoke((outcome, report) => {
    settled = true;
    socket.off('close', onClose);
    if (report !== undefined && (!outcome.ok || headers['dcf-report'] === '1')) exchange.addHeader('dcf-report', encodeReport(report()));
    if (outcome.ok) exchange.output(outcome);
    else exchange.fail(outcome.error);
  });
  if (settled) return;
  if (socket.destroyed) cancel();
  else socket.once('close', onClose);
}
