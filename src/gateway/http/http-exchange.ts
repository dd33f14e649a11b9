import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { DcfError } from '../../core/errors.js';
import type { ReplyHead, ReplyKind, Success } from '../../pool/calls/invocation.js';
import type { Cors } from './http-cors.js';
import { errorBody, errorHeaders, httpStatusOf } from './http-errors.js';
import { contentTypes, hasNoBody, replyHeaders } from './http-reply.js';

/** What every answer depends on. */
export interface ExchangeOptions {
  /** While true, each answer is its connection's last. */
  draining: () => boolean;
  /** A client that takes nothing of its answer for this long is dropped. */
  stuckAfterMs: number;
  /** Reports unexpected exceptions: anything but a DcfError. */
  onFault: (error: unknown) => void;
  /** Which pages in browsers may read answers. */
  cors?: Cors | undefined;
}

/** A body of at most this many bytes is read to its end though nobody wants it: that is cheaper than another connection. */
const maxUnwanted = 64 * 1024;
/** How long a client may go on to send what nobody wants. Closed at once, it might lose the answer to the reset. */
const lingerMs = 2_000;

/** One request, and the ways to answer it. Only the first answer counts. */
export class Exchange {
  /** The client sends its body when it is told to. */
  private expectant: boolean;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly id: string,
    private readonly options: ExchangeOptions,
  ) {
    this.expectant = request.headers.expect !== undefined && request.httpVersion === '1.1';
    const { cors } = options;
    if (cors === undefined) return;
    // Errors have them as well: a page could not read them otherwise.
    for (const [name, value] of Object.entries(cors.headersFor(request.headers))) response.setHeader(name, value);
  }

  /** Lets a client send its body that asked first (`expect: 100-continue`). */
  invite(): void {
    if (this.expectant) this.response.writeContinue();
    this.expectant = false;
  }

  /** Adds a header to the answer that is to come. */
  addHeader(name: string, value: string): void {
    if (!this.over) this.response.setHeader(name, value);
  }

  /** Answers with a Handler's output. */
  output({ output, kind, head, release }: Success): void {
    const { response } = this;
    if (this.over) return;
    if (this.options.draining()) response.shouldKeepAlive = false;
    if (head === undefined) {
      response.writeHead(200, {
        'content-type': contentTypes[kind],
        'content-length': output.length,
        'dcf-request-id': this.id,
      });
    } else {
      const headers = this.chosenHeaders(head, output.length > 0 ? kind : undefined);
      const bare = hasNoBody(head.status);
      if (!bare) headers['content-length'] = output.length;
      else if (head.status === 205) headers['content-length'] = 0;
      response.writeHead(head.status, { ...headers, 'dcf-request-id': this.id });
      if (bare) {
        response.end(() => release(output));
        return;
      }
    }
    response.end(output, () => release(output));
    this.watchReader();
  }

  /** Begins an answer whose body comes in chunks, of a length that nobody knows yet. */
  beginStream(head: ReplyHead | undefined, kind: ReplyKind): void {
    const { response } = this;
    if (this.over) return;
    if (this.options.draining()) response.shouldKeepAlive = false;
    const chosen = this.chosenHeaders(head ?? { status: 200, headers: [] }, kind);
    response.writeHead(head?.status ?? 200, { ...chosen, 'dcf-request-id': this.id });
  }

  /** Sends a chunk, and calls `sent` once the system has it, or nobody takes it any more. */
  write(chunk: Uint8Array, sent: () => void): void {
    const { response } = this;
    response.write(chunk, () => {
      if (response.writableLength === 0) response.setTimeout(0);
      sent();
    });
    this.watchReader();
  }

  /** The last chunk was sent. */
  endStream(): void {
    this.response.end();
    this.watchReader();
  }

  /** Ends the connection in the midst of a body. One whose end is its connection's would look whole otherwise. */
  cut(): void {
    const { socket, httpVersion } = this.request;
    if (httpVersion === '1.0') socket.resetAndDestroy();
    else socket.destroy();
  }

  /** Answers without a body. */
  empty(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.over) return;
    this.response.writeHead(status, { ...headers, 'dcf-request-id': this.id });
    this.response.end();
  }

  /** Answers with a JSON document, and a line break for who reads it in a terminal. */
  json(status: number, value: object, headers: Readonly<Record<string, string>> = {}): void {
    const { request, response } = this;
    if (this.over) return;
    const text = `${JSON.stringify(value)}\n`;
    const all: OutgoingHttpHeaders = {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'dcf-request-id': this.id,
      ...headers,
    };
    const unwanted = !this.expectant && sendsMuch(request);
    if (unwanted || this.options.draining()) response.shouldKeepAlive = false;
    response.writeHead(status, all);
    if (unwanted) {
      response.write(text);
      endAfterBody(request, response);
    } else {
      response.end(text);
    }
    this.watchReader();
  }

  /** Answers with anything that was thrown: a DcfError as it says, anything else is our own fault and says no more than that. */
  fail(thrown: unknown): void {
    if (!DcfError.is(thrown)) {
      this.options.onFault(thrown);
      this.fail(new DcfError('INTERNAL', 'the daemon failed; its log says more'));
      return;
    }
    this.json(httpStatusOf(thrown), errorBody(thrown, this.id), errorHeaders(thrown));
  }

  /** Which pages may read the answer is the operator's to say, where it is said at all. */
  private chosenHeaders(head: ReplyHead, kind: ReplyKind | undefined): OutgoingHttpHeaders {
    const headers = replyHeaders(head, kind);
    if (this.options.cors === undefined) return headers;
    for (const name of Object.keys(headers)) if (name.startsWith('access-control-')) delete headers[name];
    const ours = this.response.getHeader('vary');
    if (headers['vary'] !== undefined && ours !== undefined) headers['vary'] = [String(ours), headers['vary']].flat().join(', ');
    return headers;
  }

  private get over(): boolean {
    return this.response.headersSent || this.response.destroyed;
  }

  private watchReader(): void {
    // What has gone to the system already needs no timer; Node sets its own when the answer is out.
    if (this.response.writableLength > 0) this.response.setTimeout(this.options.stuckAfterMs);
  }
}

/** Whether more of the request's body is on its way than is worth reading. */
function sendsMuch({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > maxUnwanted;
}

function endAfterBody(request: IncomingMessage, response: ServerResponse): void {
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.once('end', end);
  request.socket.once('close', () => clearTimeout(timer));
  request.resume();
}
