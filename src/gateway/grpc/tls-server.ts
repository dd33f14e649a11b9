import type { Server } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { closeIfSilent } from '../listener.js';

/** What a server of TLS proves who it is with: PEM texts. */
export interface TlsIdentity {
  /** The certificate, and after it those that lead to its authority. */
  cert: string;
  key: string;
}

export interface TlsServerOptions {
  /** How long a client may take for its handshake, and then until its first byte, in milliseconds. */
  firstByteTimeoutMs: number;
  /** Takes a connection whose handshake has agreed on `h2`. */
  onConnection: (socket: TLSSocket) => void;
}

/** How long a client may take to read why it is refused, in milliseconds. */
const refusalMs = 1_000;

/** Makes a server that speaks TLS 1.2 or later, and `h2` in it (RFC 9113, section 3.2). A handshake that fails or takes too long ends its connection. */
export function createTlsServer(identity: TlsIdentity, { firstByteTimeoutMs, onConnection }: TlsServerOptions): Server {
  const server = createServer({
    ...identity,
    minVersion: 'TLSv1.2',
    // Who offers other protocols, but not this one, gets the alert no_application_protocol (RFC 7301).
    ALPNProtocols: ['h2'],
    handshakeTimeout: firstByteTimeoutMs,
    noDelay: true,
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol !== 'h2') {
      refuse(socket);
      return;
    }
    closeIfSilent(socket, firstByteTimeoutMs);
    onConnection(socket);
  });
  return server;
}

/** Tells a client that offered no protocol at all, and so most likely speaks HTTP/1.1, what this address serves. */
function refuse(socket: TLSSocket): void {
  const timer = setTimeout(() => socket.destroy(), refusalMs);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(refusal);
}

const refusalText = 'this address serves gRPC: the client has to offer the protocol h2 in its TLS handshake (ALPN)\n';
const refusal = [
  'HTTP/1.1 505 HTTP Version Not Supported',
  'content-type: text/plain; charset=utf-8',
  `content-length: ${refusalText.length}`,
  'connection: close',
  '',
  refusalText,
].join('\r\n');
