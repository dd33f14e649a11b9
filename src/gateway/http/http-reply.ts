import type { OutgoingHttpHeaders } from 'node:http';
import type { ReplyHead, ReplyKind } from '../../pool/calls/invocation.js';

/** The content type of an output for which the Handler chose none. */
export const contentTypes: Readonly<Record<ReplyKind, string>> = {
  bytes: 'application/octet-stream',
  text: 'text/plain; charset=utf-8',
  json: 'application/json',
};

/** Headers that the daemon sets itself: those of the connection (RFC 9110, section 7.6.1), and the length of the body. */
const ownHeaders = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether an answer with this status has no body, whatever the Handler returned. */
export function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/**
 * The headers of an answer for which a Handler chose headers: those, without the ones that the daemon sets itself.
 *
 * @param kind - what the body is; `undefined` if there is none
 */
export function replyHeaders({ status, headers }: ReplyHead, kind: ReplyKind | undefined): OutgoingHttpHeaders {
  const found: Record<string, string[]> = {};
  for (const [name, value] of headers) {
    if (ownHeaders.has(name) || name.startsWith('dcf-')) continue;
    found[name] = [...(found[name] ?? []), value];
  }
  if (kind !== undefined && !hasNoBody(status)) found['content-type'] ??= [contentTypes[kind]];
  return found;
}
