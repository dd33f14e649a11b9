import type { Metadata } from '@grpc/grpc-js';
import { DcfError } from '../errors.js';
import type { CallHeaders } from './options.js';

/** The headers of a call, as keys and values. */
export type Headers = readonly (readonly [key: string, value: string])[];

export interface HeaderOptions extends CallHeaders {
  token?: string | undefined;
  /** Whether the error of a stream after its first chunk comes in trailers (`dcf-late-status`): for an error status, grpc-js drops chunks. */
  lateStatus?: boolean | undefined;
}

const keyPattern = /^[0-9a-z_.-]+$/;
/** Printable ASCII without a space at either end: what an HTTP/2 header can carry unchanged. */
const valuePattern = /^(?! )[\x20-\x7e]*(?<! )$/;
const reservedPrefixes = ['grpc-', 'dcf-'];
/** gRPC's own keys, and the ones that HTTP/2 forbids (RFC 9113, section 8.2.2). */
const reservedKeys = new Set([
  ...['authorization', 'content-type', 'content-length', 'te', 'user-agent', 'host'],
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'],
]);
/** Most bytes of the headers. Servers silently drop calls with more than 64 KiB. */
const maximumBytes = 32 * 1024;

/**
 * Makes the headers of a call, and checks them: an invalid header would break the connection, or be changed on its way.
 *
 * @throws DcfError INVALID_ARGUMENT that names the header and what is wrong
 */
export function callHeaders(options: HeaderOptions): Headers {
  const { token, alias, requestId, metadata = {}, query, contentType, report = false, lateStatus = false } = options;
  const headers: [string, string][] = [];
  const add = (key: string, value: string, shown: string): void => {
    if (typeof value !== 'string' || !valuePattern.test(value))
      throw bad(shown, 'must be printable ASCII that does not begin or end with a space');
    headers.push([key, value]);
  };
  if (token !== undefined) add('authorization', `Bearer ${token}`, 'the token');
  if (alias !== undefined) add('dcf-alias', alias, 'the alias');
  if (requestId !== undefined) add('dcf-request-id', requestId, 'the requestId');
  const queryText = query === undefined ? '' : encodeQuery(query);
  if (queryText !== '') add('dcf-query', queryText, 'the query');
  if (contentType !== undefined) add('dcf-content-type', contentType, 'the contentType');
  for (const [name, value] of Object.entries(metadata)) {
    const key = name.toLowerCase();
    const shown = `metadata[${JSON.stringify(name)}]`;
    if (!keyPattern.test(key)) throw bad(shown, "has a key with a character that is not allowed: use letters, digits, '_', '-' and '.'");
    if (key.endsWith('-bin')) throw bad(shown, 'has a key that ends with -bin, which gRPC keeps for bytes: choose another');
    if (reservedKeys.has(key) || reservedPrefixes.some((prefix) => key.startsWith(prefix)))
      throw bad(shown, 'has a reserved key: choose another');
    add(key, value, shown);
  }
  const bytes = headers.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (bytes > maximumBytes) throw bad('the metadata', `has ${bytes} bytes; at most ${maximumBytes} are allowed: send it in the input`);
  if (report) headers.push(['dcf-report', '1']);
  if (lateStatus) headers.push(['dcf-late-status', '1']);
  return headers;
}

/** A query in the form of a URL's. In a text, percent-encodings stay as they are, and what a URL may not have is encoded. */
function encodeQuery(query: NonNullable<CallHeaders['query']>): string {
  return typeof query === 'string' ? encodeURI(query.toWellFormed()).replaceAll('%25', '%') : new URLSearchParams(query).toString();
}

/** The value of a trailer; `undefined` if it is missing. */
export function trailer(trailers: Metadata, key: string): string | undefined {
  return trailers.get(key)[0]?.toString();
}

function bad(what: string, problem: string): DcfError {
  return new DcfError('INVALID_ARGUMENT', `${what} ${problem}`);
}
