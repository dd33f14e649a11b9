import type { Method, ReceiveBudget } from '../../../src/grpc/call.js';
import { GrpcService, type GrpcServiceOptions } from '../../../src/grpc/server.js';
import { type Status, statusCodes } from '../../../src/grpc/status.js';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.js';
import { data, errorCode, type Field, type Frame, flag, request, reset, types } from './frames.js';
import { TestConnection, type TestConnectionOptions } from './test-connection.js';

/** Counts the bytes of requests, and refuses those over a limit. */
export class TestBudget implements ReceiveBudget {
  held = 0;
  most = 0;

  constructor(public limit = Number.POSITIVE_INFINITY) {}

  take(bytes: number): void {
    if (this.held + bytes > this.limit) throw new Error('the budget is spent');
    this.held += bytes;
    this.most = Math.max(this.most, this.held);
  }

  give(bytes: number): void {
    this.held -= bytes;
    if (this.held < 0) throw new Error('more was given back than was taken');
  }
}

/** What came for one call. */
export interface Answer {
  headers: Record<string, string>;
  messages: Buffer[];
  trailers: Record<string, string>;
  /** Whether the response has ended. */
  ended: boolean;
  /** The code of a RST_STREAM. */
  reset: number | undefined;
}

export interface TestGrpcOptions extends TestConnectionOptions, Partial<Omit<GrpcServiceOptions, 'methods' | 'budget'>> {
  budget?: TestBudget;
}

/** gRPC on a connection that is fed with frames. */
export class TestGrpc {
  readonly budget: TestBudget;
  readonly service: GrpcService;
  readonly connection: TestConnection;
  private readonly decoder = new HpackDecoder({ maxListSize: 1 << 20 });
  private readonly answers = new Map<number, Answer & { body: Buffer }>();

  constructor(methods: Readonly<Record<string, Method>>, options: TestGrpcOptions = {}) {
    const { budget = new TestBudget(), maxMessageLength = 1 << 20, bodyTimeoutMs = 10_000 } = options;
    this.budget = budget;
    this.service = new GrpcService({
      methods: new Map(Object.entries(methods)),
      maxMessageLength,
      budget,
      bodyTimeoutMs,
      statusOf: options.statusOf ?? testStatus,
    });
    this.connection = new TestConnection({ ...options, onStream: (stream, head) => this.service.take(stream, head) }).begin();
  }

  /** Begins a call. */
  begin(id: number, path: string, more: readonly Field[] = [], end = false): void {
    this.connection.send(request(id, { end, fields: callFields(path, more) }));
  }

  /** Sends a message, and perhaps the end of the request. */
  message(id: number, message: Uint8Array | string, { end = false, compressed = false } = {}): void {
    this.body(id, framed(message, compressed), end);
  }

  /** Sends bytes of the body, in frames of 16 KiB. */
  body(id: number, bytes: Buffer, end = false): void {
    const size = 16_384;
    for (let at = 0; at < bytes.length || at === 0; at += size)
      this.connection.send(data(id, bytes.subarray(at, at + size), end && at + size >= bytes.length ? flag.endStream : 0));
  }

  cancel(id: number): void {
    this.connection.send(reset(id, errorCode.cancel));
  }

  /** What has come for a call up to now. */
  answer(id: number): Answer {
    for (const frame of this.connection.frames()) this.take(frame);
    return this.answerOf(id);
  }

  private answerOf(id: number): Answer & { body: Buffer } {
    const known = this.answers.get(id);
    if (known !== undefined) return known;
    const answer = { headers: {}, messages: [], trailers: {}, ended: false, reset: undefined, body: Buffer.alloc(0) };
    this.answers.set(id, answer);
    return answer;
  }

  private take({ type, flags, id, payload }: Frame): void {
    const answer = this.answerOf(id);
    if (type === types.reset) answer.reset = payload.readUInt32BE(0);
    if (type !== types.headers && type !== types.data) return;
    answer.ended ||= (flags & flag.endStream) !== 0;
    if (type === types.headers) {
      const fields = recordOf(this.decoder.decode(payload) ?? []);
      if (':status' in fields) answer.headers = fields;
      if (answer.ended) answer.trailers = fields;
      return;
    }
    let body = Buffer.concat([answer.body, payload]);
    while (answer.headers['content-type'] === 'application/grpc' && body.length >= 5 && body.length >= 5 + body.readUInt32BE(1)) {
      const end = 5 + body.readUInt32BE(1);
      answer.messages.push(body.subarray(5, end));
      body = body.subarray(end);
    }
    answer.body = body;
  }
}

/** The status of what a test's method throws: its text, and INTERNAL. */
export function testStatus(error: unknown): Status {
  return { code: statusCodes.INTERNAL, message: error instanceof Error ? error.message : String(error) };
}

export function callFields(path: string, more: readonly Field[] = []): Field[] {
  const own: Field[] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
  ];
  const rest: Field[] = [
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ];
  return [...own, ...rest, ...more];
}

/** A message with its prefix. */
export function framed(message: Uint8Array | string, compressed = false): Buffer {
  const bytes = Buffer.from(message);
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function recordOf(fields: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let at = 0; at + 1 < fields.length; at += 2) record[fields[at] ?? ''] = fields[at + 1] ?? '';
  return record;
}
