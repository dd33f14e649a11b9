import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { cleanUp, type Owner } from './cleanup.js';
import { makeCertificate } from './sdk/certificate.js';

/** One answer of the server; it is asked for each request. */
export type Respond = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTPS server for files, on any free port of 127.0.0.1, whose certificate is its own authority. */
export interface FileServer {
  /** `https://127.0.0.1:port`. */
  origin: string;
  port: number;
  /** PEM. */
  ca: string;
  /** Each request as `path range if-range`. */
  requests: string[];
}

/** Servers share a certificate, so that a client makes its list of authorities once. */
const { cert, key } = makeCertificate('files.test');

/** Starts a server; it goes with its owner. The certificate is also for `files.test`. */
export async function startFileServer(owner: Owner, respond: Respond): Promise<FileServer> {
  const requests: string[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    const { range = '-', 'if-range': ifRange = '-' } = request.headers;
    requests.push(`${request.url} ${range} ${ifRange}`);
    respond(request, response);
  });
  // A client that does not trust the certificate, or gives up.
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(owner, async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { origin: `https://127.0.0.1:${port}`, port, ca: cert.toString(), requests };
}

export interface FileAnswer {
  etag?: string;
  /** Bytes after which the connection is cut. */
  cutAfter?: number;
  ignoreRange?: boolean;
}

/** Answers with a file as a server for files does, ranges included. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  { etag, cutAfter, ignoreRange = false }: FileAnswer = {},
): void {
  const { range, 'if-range': ifRange } = request.headers;
  const [, given] = /^bytes=(\d+)-$/.exec(range ?? '') ?? [];
  const isRange = given !== undefined && !ignoreRange && (ifRange === undefined || ifRange === etag);
  const start = isRange ? Number(given) : 0;
  if (start > 0 && start >= content.length) {
    response.writeHead(416).end();
    return;
  }
  const body = content.subarray(start);
  response.writeHead(isRange ? 206 : 200, {
    'content-length': body.length,
    ...(etag === undefined ? {} : { etag }),
    ...(isRange ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
  });
  if (cutAfter === undefined) response.end(body);
  else response.write(body.subarray(0, cutAfter), () => response.socket?.destroySoon());
}
