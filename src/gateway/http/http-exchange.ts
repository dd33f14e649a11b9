import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { DcfError } from '../../core/errors.js';
import type { ReplyHead, ReplyKind, Success } from '../../pool/calls/invocation.js';
import type { Cors } from './http-cors.js';
import { errorBody, errorHeaders, httpStatusOf } from './http-errors.js';
import { contentTypes, hasNoBody, replyHeaders } from './http-reply.js';

/** The settings that all exchanges share. */
export interface ExchangeOptions {
  /** Whether the daemon is shutting down: each answer is then the last of its connection. */
  draining: () => boolean;
  /** How long a client may read nothing of its answer, in milliseconds; then its connection is closed. */
  stuckAfterMs: number;
  /** Reports unexpected exceptions: anything but a DcfError. */
  onFault: (error: unknown) => void;
  /** Which pages in browsers may read answers. */
  cors?: Cors | undefined;
}

/** Bytes up to which a body that is not needed is read to its end: this is cheaper than a new connection. */
const maxUnwanted = 64 * 1024;
/**
 * How long the rest of a longer body is read, in milliseconds. If the connection were closed at once, its reset could reach the client
 * before the answer.
 */
const lingerMs = 2_000;

/** One request, and the ways to answer it. Only the first answer counts. */
export class Exchange {
  /** Whether the client waits for a `100 Continue` before it sends its body. */
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
    // Set for errors, too: without these headers a page could not read them.
    for (const [name, value] of Object.entries(cors.headersFor(request.headers))) response.setHeader(name, value);
  }

  /** Tells a client that asked first (`expect: 100-continue`) to send its body. */
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

  /** Begins an answer whose body comes in chunks, of an unknown length. */
  beginStream(head: ReplyHead | undefined, kind: ReplyKind): void {
    const { response } = this;
    if (this.over) return;
    if (this.options.draining()) response.shouldKeepAlive = false;
    const chosen = this.chosenHeaders(head ?? { status: 200, headers: [] }, kind);
    response.writeHead(head?.status ?? 200, { ...chosen, 'dcf-request-id': this.id });
  }

  /** Sends a chunk, and calls `sent` once the system has accepted it or the connection is closed. */
  write(chunk: Uint8Array, sent: () => void): void {
    const { response } = this;
    response.write(chunk, () => {
      if (response.writableLength === 0) response.setTimeout(0);
      sent();
    });
    this.watchReader();
  }

  /** Ends an answer in chunks. */
  endStream(): void {
    this.response.end();
    this.watchReader();
  }

  /**
   * Closes the connection in the middle of a body, so that the client sees that the body is incomplete. In HTTP/1.0 the end of the
   * connection is the end of the body, so there it is reset.
   */
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

  /** Answers with a JSON document, and a line break for people who read it in a terminal. */
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

  /** Answers with an error. What is not a DcfError is a fault of the daemon: it is reported, and its text stays private. */
  fail(thrown: unknown): void {
    if (!DcfError.is(thrown)) {
      this.options.onFault(thrown);
      this.fail(new DcfError('INTERNAL', 'an error inside the daemon; its log has the details'));
      return;
    }
    this.json(httpStatusOf(thrown), errorBody(thrown, this.id), errorHeaders(thrown));
  }

  /** The headers that a Handler chose; where the operator set CORS origins, those decide about pages, and not the Handler. */
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
    // Bytes that the system has accepted need no timer; Node sets its own once the answer is complete.
    if (this.response.writableLength > 0) this.response.setTimeout(this.options.stuckAfterMs);
  }
}

/** Whether more of the request's body is still to come than is worth reading. */
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
