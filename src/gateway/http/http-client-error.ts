import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { errorCode } from '../../core/errors.js';
import { errorBody, HttpError } from './http-errors.js';

/**
 * Ends a connection that speaks no HTTP, or whose request does not come: with an answer where the client can tell what it
 * belongs to, and without a word where another answer is due first.
 *
 * @param newId - makes the answer's request id
 */
export function endBadConnection(error: Error, socket: Socket, newId: () => string): void {
  const refusal = refusalOf(errorCode(error));
  if (refusal === undefined || !socket.writable || anotherIsDue(socket)) {
    socket.destroy();
    return;
  }
  const id = newId();
  const body = `${JSON.stringify(errorBody(refusal, id))}\n`;
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Bad Request'}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `dcf-request-id: ${id}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function refusalOf(code: string | undefined): HttpError | undefined {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new HttpError(408, 'DEADLINE_EXCEEDED', 'the request did not come in time');
  if (code === 'HPE_HEADER_OVERFLOW') return new HttpError(431, 'INVALID_ARGUMENT', "the request's head is over the limit of 16 KiB");
  // Anything else is the connection itself, and nobody reads at its other end.
  if (code?.startsWith('HPE_') !== true) return undefined;
  return new HttpError(400, 'INVALID_ARGUMENT', `the request is no valid HTTP/1.1 (${code}); gRPC has a port of its own`);
}

/** Whether the connection's next answer belongs to an earlier request, which came whole. Node keeps it in this property alone. */
function anotherIsDue(socket: Socket): boolean {
  const next: unknown = Reflect.get(socket, '_httpMessage');
  if (!(next instanceof ServerResponse)) return false;
  const { complete }: IncomingMessage = next.req;
  return complete || next.headersSent;
}
