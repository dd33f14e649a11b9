import { createServer as createHttp2Server, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Client, type ClientOptions } from '@dcf/sdk';
import { decodeInvokeRequest, encodeInvokeReply, type InvokeEnvelope } from '@dcf/sdk/contract';
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

/** A client that is closed when the test ends. */
export function clientFor(t: TestContext, url: string, options: ClientOptions = {}): Client {
  const client = new Client(url, options);
  t.after(() => client.close());
  return client;
}

const identity = (message: Buffer): Buffer => message;

function rawMethod(path: string): ServiceDefinition[string] {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
}

/** A status that a test's daemon answers with. */
export interface Refusal {
  code: status;
  details: string;
  trailers?: Readonly<Record<string, string>>;
}

export type Invoke = (
  request: InvokeEnvelope,
  call: ServerUnaryCall<Buffer, Buffer>,
) => Promise<Uint8Array | Refusal> | Uint8Array | Refusal;

/** `Functions.Invoke`, answered by `invoke`. */
export function functionsService(invoke: Invoke): [ServiceDefinition, UntypedServiceImplementation] {
  const handler: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    void Promise.resolve(invoke(decodeInvokeRequest(call.request), call)).then((answer) => {
      if (answer instanceof Uint8Array) callback(null, encodeInvokeReply(answer));
      else callback({ code: answer.code, details: answer.details, metadata: trailers(answer.trailers) });
    });
  };
  return [{ Invoke: rawMethod('/dcf.v1.Functions/Invoke') }, { Invoke: handler }];
}

function trailers(values: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

/** The standard health service; `isServing` is asked at each check, which `undefined` leaves without an answer. */
export function healthService(isServing: () => boolean | undefined = () => true): [ServiceDefinition, UntypedServiceImplementation] {
  const check: handleUnaryCall<Buffer, Buffer> = (_call, callback) => {
    const serving = isServing();
    if (serving !== undefined) callback(null, Buffer.from([0x08, serving ? 1 : 2]));
  };
  return [{ Check: rawMethod('/grpc.health.v1.Health/Check') }, { Check: check }];
}

/** A real gRPC server on a free port of 127.0.0.1, which ends with the test. Resolves with `host:port`. */
export async function startGrpc(
  test: TestContext,
  services: readonly [ServiceDefinition, UntypedServiceImplementation][],
  credentials = ServerCredentials.createInsecure(),
  address = '127.0.0.1:0',
): Promise<string> {
  // Channelz stays on: without it forceShutdown leaves every connection open (grpc-js 1.14.7).
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  for (const [definition, implementation] of services) server.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  test.after(() => server.forceShutdown());
  return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
}

export interface Http2Call {
  stream: ServerHttp2Stream;
  /** Which one of this server's it is, from 1. */
  number: number;
  headers: IncomingHttpHeaders;
  /** The connection under it. */
  socket: Socket;
}

/** An HTTP/2 server that knows nothing of gRPC: `onCall` gets each stream once its request has been read. */
export async function startHttp2(test: TestContext, onCall: (call: Http2Call) => void): Promise<string> {
  const server: Http2Server = createHttp2Server();
  let streams = 0;
  let accepted: Socket | undefined;
  server.on('sessionError', () => undefined);
  // Before HTTP/2's own listener, which makes the session of this very socket.
  server.prependListener('connection', (socket: Socket) => {
    accepted = socket;
  });
  server.on('session', (session) => {
    const socket = accepted;
    session.on('error', () => undefined);
    test.after(() => session.destroy());
    session.on('stream', (stream, headers) => {
      const number = ++streams;
      stream.on('error', () => undefined);
      stream.once('end', () => {
        if (socket !== undefined) onCall({ stream, number, headers, socket });
      });
      stream.resume();
    });
  });
  return await listen(test, server);
}

/** Starts a plain TCP server on a free port of 127.0.0.1, which ends with the test. */
export async function startTcp(test: TestContext, onConnection: NonNullable<Parameters<typeof createServer>[1]>): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    test.after(() => socket.destroy());
    onConnection(socket);
  });
  return await listen(test, server);
}

async function listen(test: TestContext, server: NetServer | Http2Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => server.close());
  return `127.0.0.1:${portOf(server)}`;
}

function portOf(server: NetServer | Http2Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

let lastUnused = 0;

/** An address of this machine's loopback where nothing listens: an own number, so that no other program, and no other test, takes it meanwhile. */
export async function unusedAddress(): Promise<string> {
  lastUnused = (lastUnused % 250) + 1;
  const host = `127.0.77.${lastUnused}`;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = `${host}:${portOf(server)}`;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return address;
}

/** A gRPC message as a DATA frame carries it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. */
export function grpcMessage(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Answers a stream with one message and status OK. */
export function answerOk(stream: ServerHttp2Stream, output: Uint8Array): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(grpcMessage(encodeInvokeReply(output)));
}
