import type { HeaderList } from '../http2/hpack/header-list.js';

/**
 * The metadata of a call: texts, and bytes for names that end with "-bin". Of a name that comes several times, the first value counts.
 */
export type Metadata = Readonly<Record<string, string | Buffer>>;

/** Fields that are gRPC's own or HTTP/2's, and no metadata. */
const reserved = new Set([
  'accept-encoding',
  'content-length',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message-type',
  'grpc-timeout',
  'host',
  'te',
]);

/** What gRPC needs of a request's fields. */
export interface CallFields {
  contentType: string | undefined;
  encoding: string;
  /** Milliseconds; `Infinity` without a `grpc-timeout`; `undefined` for a malformed one. */
  timeoutMs: number | undefined;
  metadata: Metadata;
}

/** Reads a request's fields (PROTOCOL-HTTP2.md, "Requests"). */
export function callFields(fields: HeaderList): CallFields {
  const metadata: Record<string, string | Buffer> = Object.create(null);
  const found: CallFields = { contentType: undefined, encoding: 'identity', timeoutMs: Number.POSITIVE_INFINITY, metadata };
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const value = fields[index + 1] ?? '';
    if (name === 'content-type') found.contentType = value;
    else if (name === 'grpc-encoding') found.encoding = value;
    else if (name === 'grpc-timeout') found.timeoutMs = parseTimeout(value);
    else if (!reserved.has(name) && !(name in metadata)) metadata[name] = name.endsWith('-bin') ? decodeBinary(value) : value;
  }
  return found;
}

const unitsMs: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Reads a `grpc-timeout`: one to eight digits and a unit. Returns milliseconds, or `undefined` when it is malformed. */
export function parseTimeout(value: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
  const unitMs = unitsMs[unit ?? ''];
  return digits === undefined || unitMs === undefined ? undefined : Number(digits) * unitMs;
}

/** Reads base64, with padding or without. A list of values is cut after the first. */
function decodeBinary(value: string): Buffer {
  const comma = value.indexOf(',');
  return Buffer.from(comma === -1 ? value : value.slice(0, comma), 'base64');
}

const nameToSend = /^[0-9a-z_.-]+$/;
/** Printable ASCII without spaces at its ends (PROTOCOL-HTTP2.md, "ASCII-Value"). */
const textToSend = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/**
 * Metadata to send as fields: bytes in base64, texts as they are.
 *
 * @throws TypeError for a name or a text that gRPC cannot send, and for a name that does not say what its value is: a name of bytes, and no
 *   other, ends with "-bin"
 */
export function metadataFields(metadata: Readonly<Record<string, string | Uint8Array>>): string[] {
  const fields: string[] = [];
  for (const [name, value] of Object.entries(metadata)) {
    if (!nameToSend.test(name) || reserved.has(name) || name.startsWith('grpc-'))
      throw new TypeError(
        `metadata cannot be called ${JSON.stringify(name)}; allowed: a to z, 0 to 9, "_", "-" and ".", and no name of gRPC's own`,
      );
    const bytes = typeof value !== 'string';
    if (bytes !== name.endsWith('-bin'))
      throw new TypeError(`the metadata ${name} ${bytes ? 'is bytes' : 'is a text'}; names of bytes, and no others, end with "-bin"`);
    if (!bytes && !textToSend.test(value))
      throw new TypeError(
        `the metadata ${name} is no printable ASCII, or has spaces at its ends; send other texts as bytes, with "-bin" behind the name`,
      );
    fields.push(name, bytes ? Buffer.from(value).toString('base64').replace(/=+$/, '') : value);
  }
  return fields;
}

/** Whether a content type is gRPC's: `application/grpc`, with or without a suffix such as `+proto` or parameters. */
export function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:[+;]|$)/.test(contentType);
}
