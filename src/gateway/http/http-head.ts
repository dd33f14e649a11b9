import type { IncomingHttpHeaders } from 'node:http';
import querystring from 'node:querystring';
import { parseDuration } from '@dcf/sdk/units';
import { DcfError } from '../../core/errors.js';
import type { CallHead } from '../invoker.js';
import { HttpError } from './http-errors.js';

/** What a request's path and headers say about a call. */
export interface HttpCallHead extends CallHead {
  /** Milliseconds from the arrival of the head; `Infinity` if the caller gave none. */
  timeoutMs: number;
}

const metadataPrefix = 'dcf-meta-';

/**
 * Reads the head of a call.
 *
 * @param url - path and query of the request
 * @throws DcfError INVALID_ARGUMENT; UNIMPLEMENTED for an unknown transfer coding
 */
export function readHead(name: string, headers: IncomingHttpHeaders, url: string): HttpCallHead {
  checkCodings(headers);
  const { query, revision } = readQuery(url);
  return {
    function: name,
    requestId: textOf(headers['dcf-request-id']),
    selector: revision ?? textOf(headers['dcf-alias']),
    metadata: metadataOf(headers),
    query,
    contentType: headers['content-type'],
    timeoutMs: timeoutOf(textOf(headers['dcf-timeout']), textOf(headers['dcf-timeout-ms'])),
  };
}

/** The value of a header. Node joins the values of a header that was sent twice. */
export function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Splits a URL's query into the part that the Handler gets, unchanged, and `revision`, which is for the platform. */
function readQuery(url: string): { query: string | undefined; revision: string | undefined } {
  const at = url.indexOf('?');
  if (at === -1) return { query: undefined, revision: undefined };
  const pairs = url.slice(at + 1).split('&');
  const platform = pairs.filter((pair) => nameOf(pair) === 'revision');
  const [first] = platform;
  const query = first === undefined ? url.slice(at + 1) : pairs.filter((pair) => !platform.includes(pair)).join('&');
  if (platform.length > 1) throw new DcfError('INVALID_ARGUMENT', 'the URL has more than one revision=…; give one, such as ?revision=prod');
  const revision = first === undefined ? undefined : querystring.unescape(first.slice('revision='.length).replaceAll('+', ' '));
  if (revision === '')
    throw new DcfError('INVALID_ARGUMENT', 'revision in the URL is empty; name a revision or an alias, such as ?revision=prod');
  return { query: query === '' ? undefined : query, revision };
}

function nameOf(pair: string): string {
  const [name = ''] = pair.split('=', 1);
  return name;
}

function checkCodings(headers: IncomingHttpHeaders): void {
  const { expect } = headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw new HttpError(417, 'INVALID_ARGUMENT', `expect: ${JSON.stringify(expect)} is not supported; allowed: 100-continue`);
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const message = `content-encoding: ${JSON.stringify(encoding)} is not supported; send the input without an encoding`;
    throw new HttpError(415, 'INVALID_ARGUMENT', message, { 'accept-encoding': 'identity' });
  }
  const transfer = headers['transfer-encoding'];
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked') {
    const message = `transfer-encoding: ${JSON.stringify(transfer)} is not supported; allowed: chunked, or a content-length instead`;
    throw new HttpError(501, 'UNIMPLEMENTED', message);
  }
}

function timeoutOf(duration: string | undefined, milliseconds: string | undefined): number {
  if (duration === undefined && milliseconds === undefined) return Number.POSITIVE_INFINITY;
  return Math.min(
    parsed(duration, parseDuration, 'dcf-timeout', '500ms, 5s or 1m'),
    parsed(milliseconds, wholeNumber, 'dcf-timeout-ms', '500'),
  );
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function parsed(text: string | undefined, parse: (text: string) => number | undefined, header: string, examples: string): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const value = parse(text);
  if (value !== undefined) return value;
  throw new DcfError('INVALID_ARGUMENT', `${header}: ${JSON.stringify(text.slice(0, 80))} is not a timeout; write it as ${examples}`);
}

function metadataOf(headers: IncomingHttpHeaders): Record<string, string> | undefined {
  let found: Record<string, string> | undefined;
  for (const key in headers) {
    if (!key.startsWith(metadataPrefix)) continue;
    const value = textOf(headers[key]);
    if (value === undefined) continue;
    found ??= {};
    found[key.slice(metadataPrefix.length)] = value;
  }
  return found;
}
