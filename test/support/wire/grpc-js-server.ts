import { Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { cleanUp, type Owner } from '../cleanup.js';
import { type TestFields, type TestMethod, TestStatus } from './test-service.js';

/** Serves methods with grpc-js on a free port of loopback, which it resolves with. */
export async function serveWithGrpcJs(owner: Owner, methods: readonly TestMethod[]): Promise<number> {
  const server = new Server();
  cleanUp(owner, () => server.forceShutdown());
  for (const { definition, run } of methods) {
    // On the wire a call of one message is a stream of one.
    const streamed = { ...definition, requestStream: true, responseStream: true };
    server.addService(
      { [definition.path]: streamed },
      { [definition.path]: (call: ServerDuplexStream<object, object>) => serve(call, run) },
    );
  }
  return await new Promise((resolve, reject) => {
    const listening = (error: Error | null, port: number): void => (error === null ? resolve(port) : reject(error));
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), listening);
  });
}

function serve(call: ServerDuplexStream<object, object>, run: TestMethod['run']): void {
  const trailers = new Metadata();
  const ended = new AbortController();
  call.on('cancelled', () => ended.abort());
  const done = run({
    received: (name) => call.metadata.get(name)[0],
    sendHeaders: (fields) => call.sendMetadata(added(new Metadata(), fields)),
    setTrailers: (fields) => void added(trailers, fields),
    // The usual iterator would end both directions with the last request.
    requests: call.iterator({ destroyOnReturn: false }),
    send: (reply) => new Promise((resolve) => call.write(reply, () => resolve())),
    signal: ended.signal,
  });
  done.then(
    () => call.end(trailers),
    (error: unknown) => {
      const [code, details] = error instanceof TestStatus ? [error.code, error.message] : [status.UNKNOWN, String(error)];
      call.emit('error', Object.assign(new Error(details), { code, details, metadata: trailers }));
    },
  );
}

function added(metadata: Metadata, fields: TestFields): Metadata {
  for (const [name, value] of Object.entries(fields)) metadata.add(name, value);
  return metadata;
}
