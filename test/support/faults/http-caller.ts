import assert from 'node:assert/strict';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Scene } from './scene.js';

export interface HttpCallOptions {
  /** Told to the daemon, in milliseconds; 10,000 unless given. The client itself waits longer, so that a late answer is seen. */
  timeoutMs?: number;
  signal?: AbortSignal;
  headers?: Readonly<Record<string, string>>;
}

/** How a call over HTTP ended. */
export interface HttpReply {
  /** 0: the connection ended before there was a whole answer. */
  status: number;
  headers: IncomingHttpHeaders;
  /** Without an answer, what became of the connection. */
  body: Buffer;
  text: string;
}

/** What is to be seen of an answer that is an error; what is left out may be anything. */
export interface ExpectedRefusal {
  status: number;
  code: string;
  message?: RegExp;
  reason?: RegExp;
}

const patienceMs = 10_000;

class Reply implements HttpReply {
  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    readonly body: Buffer,
  ) {}

  /** Made when it is asked for: a body may be large. */
  get text(): string {
    return this.body.toString();
  }
}

/** Calls functions over HTTP, on connections that are kept, leaves deadlines to the daemon, and is in the scene's ledger. */
export class HttpCaller {
  private readonly agent = new Agent({ keepAlive: true });

  /** @param url - `http://HOST:PORT` */
  constructor(
    private readonly scene: Scene,
    private readonly url: string,
  ) {
    scene.after(() => this.agent.destroy());
  }

  /** Calls a function. Never rejects. */
  call(name: string, input: Uint8Array | string = '', options: HttpCallOptions = {}): Promise<HttpReply> {
    const { timeoutMs = 10_000 } = options;
    return this.scene.ledger.follow(`of ${name} over HTTP`, timeoutMs, this.send(name, input, timeoutMs, options));
  }

  private async send(name: string, input: Uint8Array | string, timeoutMs: number, options: HttpCallOptions): Promise<HttpReply> {
    const { signal, headers } = options;
    const outgoing = request(`${this.url}/functions/${name}`, {
      method: 'POST',
      agent: this.agent,
      headers: { 'dcf-timeout-ms': timeoutMs, 'content-length': Buffer.byteLength(input), ...headers },
      ...(signal === undefined ? {} : { signal }),
    });
    const patience = setTimeout(() => outgoing.destroy(new Error('there was no answer')), timeoutMs + patienceMs);
    try {
      const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
        outgoing.on('response', resolve).on('error', reject);
        outgoing.end(input);
      });
      const body = await buffer(incoming);
      return new Reply(incoming.statusCode ?? 0, incoming.headers, body);
    } catch (error) {
      return new Reply(0, {}, Buffer.from(error instanceof Error ? error.message : String(error)));
    } finally {
      clearTimeout(patience);
    }
  }
}

export function isHttpReply(value: unknown): value is HttpReply {
  return value instanceof Reply;
}

/** Checks an answer that is an error. Nothing that only the log may have is ever in it. */
export function assertRefusal(
  answer: Readonly<{ status: number; text: string }>,
  { status, code, message, reason }: ExpectedRefusal,
): void {
  assert.equal(answer.status, status, answer.text);
  const refusal: { code: string; message: string; reason?: string } = JSON.parse(answer.text);
  assert.equal(refusal.code, code, answer.text);
  if (message !== undefined) assert.match(refusal.message, message);
  if (reason !== undefined) assert.match(refusal.reason ?? '', reason);
  assert.doesNotMatch(answer.text, /handler\.(ts|mjs)/, 'a stack is for the log');
}
