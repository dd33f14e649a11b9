import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { errorCode } from '../../core/errors.js';
import { errorBody, HttpError } from './http-errors.js';

/**
 * Closes a connection that does not speak HTTP, or whose request does not arrive in time. It is closed with an answer, unless the
 * connection's next answer belongs to an earlier request.
 *
 * @param newId - makes the request id of the answer
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
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpError(408, 'DEADLINE_EXCEEDED', 'the request did not arrive in time (--body-timeout of dcfd)');
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpError(431, 'INVALID_ARGUMENT', 'the request line and the headers are over their limit of 16 KiB');
  // Any other code is an error of the connection itself: nobody would read an answer.
  if (code?.startsWith('HPE_') !== true) return undefined;
  return new HttpError(400, 'INVALID_ARGUMENT', `the request is not valid HTTP/1.1 (${code}); gRPC has a port of its own`);
}

/** Whether the connection's next answer belongs to an earlier request, which arrived completely. Only a private property of Node tells. */
function anotherIsDue(socket: Socket): boolean {
  const next: unknown = Reflect.get(socket, '_httpMessage');
  if (!(next instanceof ServerResponse)) return false;
  const { complete }: IncomingMessage = next.req;
  return complete || next.headersSent;
}
