import type { OutgoingHttpHeaders } from 'node:http';
import type { ReplyHead, ReplyKind } from '../../pool/calls/invocation.js';

/** What an output is where the Handler did not say it. */
export const contentTypes: Readonly<Record<ReplyKind, string>> = {
  bytes: 'application/octet-stream',
  text: 'text/plain; charset=utf-8',
  json: 'application/json',
};

/** Headers that are a matter between two ends of a connection, and so the daemon's own. A body's length it knows itself. */
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

/** Whether an answer with this status has no body, whatever was returned. */
export function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/**
 * The headers of an answer for which a Handler chose some: its own, but those of the connection and of the platform.
 *
 * @param kind - what its body is; `undefined` where there is none
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
