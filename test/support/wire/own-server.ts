import { once } from 'node:events';
import { createServer } from 'node:net';
import { bidirectional, serve } from '../../../src/grpc/methods.js';
import { GrpcService } from '../../../src/grpc/server.js';
import { Http2Server } from '../../../src/http2/server.js';
import { cleanUp, type Owner } from '../cleanup.js';
import { type TestMethod, TestStatus } from './test-service.js';

const unknown = 2;

/** Serves methods with src/grpc and src/http2 alone on a free port of loopback, which it resolves with. */
export async function serveWithOwn(owner: Owner, methods: readonly TestMethod[]): Promise<number> {
  const statusOf = (error: unknown) =>
    error instanceof TestStatus ? { code: error.code, message: error.message } : { code: unknown, message: String(error) };
  const options = { authorize: () => undefined, statusOf, errorOf: (_code: string, message: string) => new Error(message) };
  const served = methods.map(({ definition, run }) => {
    const { path, requestDeserialize, responseSerialize } = definition;
    const codecs = {
      path,
      requestDeserialize: (bytes: Buffer) => requestDeserialize(bytes),
      responseSerialize: (reply: unknown) => responseSerialize(Object(reply)),
    };
    // On the wire a call of one message is a stream of one.
    const method = bidirectional<unknown, object>((requests, { metadata, sendHeaders, setTrailers, send, signal }) =>
      run({ received: (name) => metadata[name], sendHeaders, setTrailers, requests, send, signal }),
    );
    return [path, serve(codecs, method, options)] as const;
  });
  const budget = { take: () => undefined, give: () => undefined };
  const service = new GrpcService({
    methods: new Map(served),
    maxMessageLength: 4 * 1024 * 1024,
    budget,
    bodyTimeoutMs: 60_000,
    statusOf,
  });
  const http2 = new Http2Server({
    onStream: (stream, head) => service.take(stream, head),
    indexedNames: new Set(['content-type', 'grpc-status']),
    onInternalError: (error) => {
      throw error;
    },
    keepaliveMs: 60_000,
    keepaliveTimeoutMs: 20_000,
    stallTimeoutMs: 60_000,
    frameTimeoutMs: 60_000,
  });
  const server = createServer({ noDelay: true }, (socket) => http2.accept(socket));
  cleanUp(owner, () => {
    server.close();
    http2.destroy();
    service.stop();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.port;
}
