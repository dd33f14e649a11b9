import { jsonText, nameOf } from '@dcf/sdk/runtime';
import { DcfError } from '../../../core/errors.js';
import type { ReplyKind } from '../../../wire/reply-head.js';

/**
 * The bytes of what a Handler returned: bytes unchanged, a string as UTF-8, anything else as JSON text.
 *
 * @throws DcfError INTERNAL that says what was returned, when it is not a Reply
 */
export function replyBytes(reply: unknown): Uint8Array {
  if (reply instanceof Uint8Array) return reply;
  if (typeof reply === 'string') return Buffer.from(reply, 'utf8');
  if (reply instanceof ArrayBuffer) return new Uint8Array(reply);
  if (reply === undefined) {
    throw new DcfError(
      'INTERNAL',
      'the Handler returned nothing (undefined); a reply is bytes, a string, a JSON value, or an async iterable or generator of bytes and strings',
    );
  }
  return Buffer.from(jsonText(reply), 'utf8');
}

/** The kind of a reply or a chunk: bytes, text or JSON. */
export function kindOf(reply: unknown): ReplyKind {
  if (reply instanceof Uint8Array || reply instanceof ArrayBuffer) return 'bytes';
  return typeof reply === 'string' ? 'text' : 'json';
}

/** The iterator of a reply in chunks. */
export type ChunkSource = AsyncIterator<unknown> | Iterator<unknown>;

/** The iterator of a reply in chunks; `undefined` for any other reply. */
export function chunksOf(reply: unknown): ChunkSource | undefined {
  if (typeof reply !== 'object' || reply === null || reply instanceof Uint8Array) return undefined;
  if (isAsyncIterable(reply)) return reply[Symbol.asyncIterator]();
  // Lists, Sets and Maps are iterable, too, but only an iterator, such as a generator, has a method `next`.
  return isIterableIterator(reply) ? reply[Symbol.iterator]() : undefined;
}

/** The bytes of one chunk. @throws DcfError INTERNAL that says what was given, when it is not a chunk */
export function chunkBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, 'utf8');
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  const what = typeof chunk === 'object' && chunk !== null ? nameOf(chunk) : chunk === null ? 'null' : `a ${typeof chunk}`;
  throw new DcfError('INTERNAL', `the Handler's stream gave ${what}; a chunk is bytes or a string`);
}

export function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return Symbol.asyncIterator in value && typeof value[Symbol.asyncIterator] === 'function';
}

function isIterableIterator(value: object): value is IterableIterator<unknown> {
  return Symbol.iterator in value && typeof value[Symbol.iterator] === 'function' && 'next' in value && typeof value.next === 'function';
}
