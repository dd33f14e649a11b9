import type { HeaderList } from '../http2/hpack/header-list.js';

/** The status codes of gRPC (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md). */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** How a call ends. */
export interface Status {
  code: number;
  /** Any text. @default none */
  message?: string | undefined;
  /** Further trailers: names and values in turn, as `metadataFields` makes them. @default none */
  trailers?: HeaderList | undefined;
}

/** Thrown by what reads a request: the call ends with this status. */
export class StatusError extends Error {
  static {
    StatusError.prototype.name = 'StatusError';
  }

  constructor(
    readonly code: keyof typeof statusCodes,
    message: string,
  ) {
    super(message);
  }

  get status(): Status {
    return { code: statusCodes[this.code], message: this.message };
  }
}

/** Bytes of a status's message as it is sent: some clients accept only 8 KiB of headers. */
const maxMessageLength = 8 * 1024;

const okTrailers: HeaderList = ['grpc-status', '0'];

/**
 * The fields of a status, for trailers. The message is percent-encoded (PROTOCOL-HTTP2.md, "Responses"), and cut when it is very long.
 */
export function statusFields({ code, message, trailers }: Status): HeaderList {
  if (code === 0 && trailers === undefined && (message === undefined || message === '')) return okTrailers;
  const fields = ['grpc-status', String(code)];
  if (message !== undefined && message !== '') fields.push('grpc-message', encodeMessage(message));
  return trailers === undefined ? fields : fields.concat(trailers);
}

/** Percent-encodes everything but printable ASCII, and "%" itself. */
export function encodeMessage(message: string): string {
  if (/^[ -$&-~]*$/.test(message) && message.length <= maxMessageLength) return message;
  let encoded = '';
  for (const byte of Buffer.from(message, 'utf8')) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    const next = plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    if (encoded.length + next.length > maxMessageLength) break;
    encoded += next;
  }
  return encoded;
}
