import { type DaemonReport, encodeReport } from '@dcf/sdk/contract';
import { Metadata } from '@grpc/grpc-js';

/** Metadata that is for the daemon or for HTTP/2, and not for the Handler. */
const notForHandler = new Set([
  'authorization',
  'dcf-request-id',
  'dcf-alias',
  'dcf-report',
  'dcf-late-status',
  'user-agent',
  'content-length',
  'grpc-previous-rpc-attempts',
]);

/** The metadata of a call, each key once: each `get` of a Metadata checks and folds its key anew. */
export type MetadataValues = Readonly<Record<string, string | Buffer>>;

/** A value that is text. */
export function textOf(value: string | Buffer | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** What of a call's metadata the Handler sees; `undefined` for nothing. */
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

/** Milliseconds until a deadline in Unix milliseconds; `Infinity` stays so. */
export function timeoutUntil(deadline: number): number {
  return deadline === Number.POSITIVE_INFINITY ? deadline : Math.max(0, deadline - Date.now());
}

/** The trailers that tell how a call went. */
export function reportTrailers(report: DaemonReport): Metadata {
  const trailers = new Metadata();
  trailers.set('dcf-request-id', report.id);
  trailers.set('dcf-report', encodeReport(report));
  return trailers;
}
