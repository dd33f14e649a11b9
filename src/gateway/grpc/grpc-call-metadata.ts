import { type DaemonReport, encodeReport } from '@dcf/sdk/contract';
import type { Metadata } from '../../grpc/metadata.js';
import type { ReplyHead } from '../../pool/calls/invocation.js';
import type { CallHead } from '../invoker.js';
import { headerText } from './grpc-method.js';

/** Keys of metadata for the daemon or for gRPC, which the Handler does not get. */
const notForHandler = new Set([
  'authorization',
  'dcf-request-id',
  'dcf-alias',
  'dcf-report',
  'dcf-late-status',
  'dcf-query',
  'dcf-content-type',
  'user-agent',
  'grpc-previous-rpc-attempts',
]);

/** What the metadata of a call says of it. */
export interface CallMetadata extends Omit<CallHead, 'function' | 'origin'> {
  authorization: string | undefined;
  /** Whether the caller wants a report also of a call that succeeds. */
  wantsReport: boolean;
  /** Whether the caller reads how a call ended from the trailers `dcf-status` and `dcf-details` when its answer has begun. */
  lateStatus: boolean;
}

let lastMetadata: Metadata | undefined;
let lastRead: CallMetadata | undefined;

/** Reads the metadata of a call. Clients send the same again and again, and the server then gives the same object, which is read once. */
export function readMetadata(metadata: Metadata): CallMetadata {
  if (metadata === lastMetadata && lastRead !== undefined) return lastRead;
  lastMetadata = metadata;
  lastRead = {
    authorization: textOf(metadata['authorization']),
    requestId: textOf(metadata['dcf-request-id']),
    selector: textOf(metadata['dcf-alias']),
    metadata: handlerMetadata(metadata),
    query: textOf(metadata['dcf-query'])?.replace(/^\?/, ''),
    contentType: textOf(metadata['dcf-content-type']),
    wantsReport: metadata['dcf-report'] === '1',
    lateStatus: metadata['dcf-late-status'] === '1',
  };
  return lastRead;
}

function textOf(value: string | Buffer | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The part of a call's metadata that the Handler gets; `undefined` if it is empty. */
function handlerMetadata(metadata: Metadata): Record<string, string> | undefined {
  const texts = Object.entries(metadata).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && !notForHandler.has(entry[0]),
  );
  return texts.length === 0 ? undefined : Object.fromEntries(texts);
}

/** The trailers that carry the status and the content type that a Handler chose: names and values in turn. */
export function headTrailers({ status, headers }: ReplyHead): string[] {
  const trailers: string[] = [];
  const contentType = headers.find(([name]) => name === 'content-type')?.[1];
  if (contentType !== undefined) trailers.push('dcf-content-type', headerText(contentType));
  if (status !== 200) trailers.push('dcf-http-status', String(status));
  return trailers;
}

/** The trailers that carry the report of a call: names and values in turn. */
export function reportTrailers(report: DaemonReport): string[] {
  return ['dcf-request-id', report.id, 'dcf-report', encodeReport(report)];
}
