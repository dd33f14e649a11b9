// A peer of the benchmarks: a bare node:http2 server in one process, which echoes as gRPC frames it. It checks nothing of a request.
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { decodeInvokeRequest, encodeInvokeReply } from '@dcf/sdk/contract';

const prefixLength = 5;
const headers = { ':status': 200, 'content-type': 'application/grpc' } as const;
const trailers = { 'grpc-status': '0' } as const;

/** Replies up to this many bytes are copied behind their prefix: one write is cheaper then. */
const joined = 16 * 1024;

function answer(stream: ServerHttp2Stream, chunks: readonly Buffer[]): void {
  const body = Buffer.concat(chunks);
  const { input } = decodeInvokeRequest(body.subarray(prefixLength));
  // What stands before the input is not needed any more: the reply is made there, without a copy.
  const reply = encodeInvokeReply(input, input.byteOffset - body.byteOffset);
  const prefix = Buffer.alloc(prefixLength);
  prefix.writeUInt32BE(reply.length, 1);
  stream.respond(headers, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  if (reply.length > joined) stream.write(prefix);
  stream.end(reply.length > joined ? reply : Buffer.concat([prefix, reply]));
}

const server = createServer();
server.on('stream', (stream) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.once('end', () => answer(stream, chunks));
  // A load that is over leaves streams behind.
  stream.on('error', () => undefined);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
