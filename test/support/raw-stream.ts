import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { cleanUp, type Owner } from './cleanup.js';

/** A stream that is written to and read from frame by frame, on a connection of its own. */
export interface RawStream {
  session: ClientHttp2Session;
  stream: ClientHttp2Stream;
  /** Sends a gRPC message. */
  send: (message: Uint8Array) => void;
  /** Resolves with the gRPC status and the trailers, once the daemon has sent them. */
  status: Promise<Readonly<Record<string, unknown>>>;
}

/** Opens a call of `Functions.Stream` and sends nothing yet. It goes with its owner. */
export function rawStream(owner: Owner, url: string, headers: Readonly<Record<string, string>> = {}): RawStream {
  const session = connect(`http://${url}`);
  session.on('error', () => undefined);
  cleanUp(owner, () => session.destroy());
  const path = '/dcf.v1.Functions/Stream';
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
  stream.on('error', () => undefined);
  const trailers = once(stream, 'trailers').then(([found]) => found);
  const only = once(stream, 'response').then(([found]) => (found['grpc-status'] === undefined ? trailers : found));
  for (const promise of [trailers, only]) promise.catch(() => undefined);
  return {
    session,
    stream,
    send: (message) => {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.write(Buffer.concat([head, message]));
    },
    status: only,
  };
}
