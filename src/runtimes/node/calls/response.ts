import { DcfError } from '../../../core/errors.js';
import { headProblem, type ReplyHead } from '../../../wire/reply-head.js';
import { type ChunkSource, isAsyncIterable } from './reply.js';

/** The used part of the Web's Response (https://fetch.spec.whatwg.org/#response-class), so that a library's own Response works, too. */
interface WebResponse {
  status: number;
  headers: Iterable<[string, string]>;
  body: unknown;
  bodyUsed: boolean;
  url?: unknown;
}

/** A Response that a Handler returned: its status and headers, and the iterator of its body. */
export interface ResponseReply {
  head: ReplyHead;
  body: ChunkSource;
}

/**
 * Reads a Response that a Handler returned; `undefined` for any other reply. `instanceof` is not used, because Node would load its own
 * Response for it, which takes long.
 *
 * @throws DcfError INTERNAL when it cannot be sent: its body was read before, or its status or headers are not allowed
 */
export function readResponse(reply: unknown): ResponseReply | undefined {
  if (!isResponse(reply)) return undefined;
  if (reply.bodyUsed) throw new DcfError('INTERNAL', 'the Handler returned a Response whose body was read before');
  const headers = [...reply.headers].map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  // The body of a fetched Response is decompressed already, so these headers do not describe it any more.
  const fetched = typeof reply.url === 'string' && reply.url !== '';
  const head = {
    status: reply.status,
    headers: headers.filter(([name]) => !fetched || (name !== 'content-encoding' && name !== 'content-length')),
  };
  const problem = headProblem(head);
  if (problem !== undefined) throw new DcfError('INTERNAL', `the Handler returned a Response with ${problem}`);
  return { head, body: sourceOf(reply.body) };
}

function isResponse(reply: unknown): reply is WebResponse {
  if (typeof reply !== 'object' || reply === null || !('status' in reply && 'headers' in reply && 'bodyUsed' in reply)) return false;
  const { status, headers } = reply;
  if (typeof status !== 'number' || typeof headers !== 'object' || headers === null) return false;
  return 'arrayBuffer' in reply && Symbol.iterator in headers && 'body' in reply;
}

function sourceOf(body: unknown): ChunkSource {
  if (typeof body !== 'object' || body === null) return [][Symbol.iterator]();
  if (body instanceof ReadableStream) return readerOf(body);
  if (isAsyncIterable(body)) return body[Symbol.asyncIterator]();
  throw new DcfError('INTERNAL', 'the Handler returned a Response with a body that cannot be read');
}

/** An iterator over a stream. The stream's own iterator would let `return()` wait until the chunk that is being made is there. */
function readerOf(body: ReadableStream<unknown>): AsyncIterator<unknown> {
  const reader = body.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}
