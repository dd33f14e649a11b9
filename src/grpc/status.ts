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

/** Printable ASCII without "%", and without spaces at the ends, which no field may have (RFC 9113, section 8.2.1). */
const plainText = /^(?:[!-$&-~](?:[ -$&-~]*[!-$&-~])?)?$/;

/** Percent-encodes everything but printable ASCII, "%" itself, and spaces at the ends. A long text is cut between two characters. */
export function encodeMessage(message: string): string {
  if (message.length <= maxMessageLength && plainText.test(message)) return message;
  let encoded = '';
  for (const character of message.slice(0, maxMessageLength)) {
    const next = encodeCharacter(character);
    if (encoded.length + next.length > maxMessageLength) break;
    encoded += next;
  }
  return encoded.replace(/^ | $/g, '%20');
}

function encodeCharacter(character: string): string {
  if (character >= ' ' && character <= '~' && character !== '%') return character;
  let encoded = '';
  for (const byte of Buffer.from(character, 'utf8')) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}
