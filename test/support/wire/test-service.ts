import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { z } from 'zod';
import { root } from '../programs.js';

/** What a method of the test service needs of a server, whichever it is. Whether it takes or gives one message or many is in its definition. */
export interface TestCall {
  /** The first value of a name in the client's metadata: bytes where the name ends with "-bin". */
  received: (name: string) => string | Buffer | undefined;
  /** Sends the initial metadata; at most once, before the first reply. */
  sendHeaders: (fields: TestFields) => void;
  /** Sets what goes with the status at the end. */
  setTrailers: (fields: TestFields) => void;
  /** The messages of the client, decoded. */
  requests: AsyncIterable<unknown>;
  /** Sends a reply. Resolves when there is room for another. */
  send: (reply: object) => Promise<void>;
  /** Aborts when the client has given the call up. */
  signal: AbortSignal;
}

export type TestFields = Readonly<Record<string, string | Buffer>>;

/** Ends a call with a status by being thrown. */
export class TestStatus extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** One method of the test service: its codecs and its work. The status is OK when it resolves. */
export interface TestMethod {
  definition: MethodDefinition<object, object>;
  run: (call: TestCall) => Promise<void>;
}

const unaryRequest = z.object({
  responseSize: z.number(),
  responseStatus: z.object({ code: z.number(), message: z.string() }).nullish(),
});
const outputRequest = z.object({
  responseParameters: z.array(z.object({ size: z.number(), intervalUs: z.number() })),
  responseStatus: z.object({ code: z.number(), message: z.string() }).nullish(),
});
const inputRequest = z.object({ payload: z.object({ body: z.instanceof(Buffer) }).nullish() });

const echoedHeader = 'x-grpc-test-echo-initial';
const echoedTrailer = 'x-grpc-test-echo-trailing-bin';

/**
 * The service that gRPC's interop clients call, method by method.
 * https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md, "Server"
 */
const methods: Readonly<Record<string, TestMethod['run']>> = {
  EmptyCall: async ({ requests, send }) => {
    for await (const _request of requests) await send({});
  },
  UnaryCall: async (call) => {
    for await (const request of call.requests) {
      const { responseSize, responseStatus } = unaryRequest.parse(request);
      echoMetadata(call);
      endAs(responseStatus);
      await call.send(payload(responseSize));
    }
  },
  StreamingOutputCall: async (call) => {
    for await (const request of call.requests) await replyTo(call, request);
  },
  StreamingInputCall: async ({ requests, send }) => {
    let aggregatedPayloadSize = 0;
    for await (const request of requests) aggregatedPayloadSize += inputRequest.parse(request).payload?.body.length ?? 0;
    await send({ aggregatedPayloadSize });
  },
  FullDuplexCall: async (call) => {
    echoMetadata(call);
    for await (const request of call.requests) await replyTo(call, request);
  },
  HalfDuplexCall: async (call) => {
    const requests: unknown[] = [];
    for await (const request of call.requests) requests.push(request);
    for (const request of requests) await replyTo(call, request);
  },
};

/** The test service, to be mounted on a server: `grpc.testing.TestService`. */
export function testService(): TestMethod[] {
  const definitions = loadSync(join(root, 'test', 'support', 'proto', 'interop.proto'), { defaults: true })['grpc.testing.TestService'];
  if (definitions === undefined || 'format' in definitions) throw new Error('interop.proto has no TestService');
  return Object.entries(methods).map(([name, run]) => {
    const definition = definitions[name];
    if (definition === undefined) throw new Error(`interop.proto has no method ${name}`);
    return { definition, run };
  });
}

async function replyTo(call: TestCall, request: unknown): Promise<void> {
  const { responseParameters, responseStatus } = outputRequest.parse(request);
  endAs(responseStatus);
  for (const { size, intervalUs } of responseParameters) {
    if (intervalUs > 0) await setTimeout(intervalUs / 1000, undefined, { signal: call.signal });
    await call.send(payload(size));
  }
}

function payload(size: number): object {
  return { payload: { body: Buffer.alloc(size) } };
}

function endAs(status: { code: number; message: string } | null | undefined): void {
  if (status !== null && status !== undefined && status.code !== 0) throw new TestStatus(status.code, status.message);
}

function echoMetadata(call: TestCall): void {
  const [header, trailer] = [call.received(echoedHeader), call.received(echoedTrailer)];
  if (header !== undefined) call.sendHeaders({ [echoedHeader]: header });
  if (trailer !== undefined) call.setTrailers({ [echoedTrailer]: trailer });
}
