import { type DaemonReport, encodeReport } from '@dcf/sdk/contract';
import { Metadata } from '@grpc/grpc-js';
import type { ReplyHead } from '../../pool/calls/invocation.js';

/** Keys of metadata for the daemon or for HTTP/2, which the Handler does not get. */
const notForHandler = new Set([
  'authorization',
  'dcf-request-id',
  'dcf-alias',
  'dcf-report',
  'dcf-late-status',
  'dcf-query',
  'dcf-content-type',
  'user-agent',
  'content-length',
  'grpc-previous-rpc-attempts',
]);

/** The metadata of a call as an object, as each `get` of a Metadata checks its key and converts it to lower case again. */
export type MetadataValues = Readonly<Record<string, string | Buffer>>;

/** The value, if it is a text. */
export function textOf(value: string | Buffer | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The part of a call's metadata that the Handler gets; `undefined` if it is empty. */
export function handlerMetadata(metadata: MetadataValues): Record<string, string> | undefined {
  let found: Record<string, string> | undefined;
  for (const key in metadata) {
    const value = metadata[key];
    if (notForHandler.has(key) || typeof value !== 'string') continue;
    found ??= {};
    found[key] = value;
  }
  return found;
}

/** The query of a call in the form of a URL's query, without a leading "?". */
export function queryOf(metadata: MetadataValues): string | undefined {
  return textOf(metadata['dcf-query'])?.replace(/^\?/, '');
}

/** Adds to the trailers the status and the content type that a Handler chose. */
export function headTrailers({ status, headers }: ReplyHead, trailers = new Metadata()): Metadata {
  const contentType = headers.find(([name]) => name === 'content-type')?.[1];
  if (contentType !== undefined) trailers.set('dcf-content-type', contentType.replace(/[^\x20-\x7e]/g, '?'));
  if (status !== 200) trailers.set('dcf-http-status', String(status));
  return trailers;
}

/** Milliseconds until a deadline in Unix milliseconds; `Infinity` for a deadline of `Infinity`. */
export function timeoutUntil(deadline: number): number {
  return deadline === Number.POSITIVE_INFINITY ? deadline : Math.max(0, deadline - Date.now());
}

/** The trailers that carry the report of a call. */
export function reportTrailers(report: DaemonReport): Metadata {
  const trailers = new Metadata();
  trailers.set('dcf-request-id', report.id);
  trailers.set('dcf-report', encodeReport(report));
  return trailers;
}
