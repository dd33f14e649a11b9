/** The error codes of HTTP/2 (RFC 9113, section 7). */
export const errorCodes = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

export type ErrorCodeName = keyof typeof errorCodes;

/** The peer broke the protocol so that the connection cannot go on: it ends with a GOAWAY (RFC 9113, section 5.4.1). */
export class ConnectionError extends Error {
  static {
    ConnectionError.prototype.name = 'ConnectionError';
  }

  /** @param message - what the peer did, as the debug data of the GOAWAY: printable ASCII */
  constructor(
    readonly code: ErrorCodeName,
    message: string,
  ) {
    super(message);
  }
}

/** The peer broke the protocol in one stream: it ends with a RST_STREAM, and the others go on (RFC 9113, section 5.4.2). */
export class StreamError extends Error {
  static {
    StreamError.prototype.name = 'StreamError';
  }

  constructor(
    readonly code: ErrorCodeName,
    message: string,
  ) {
    super(message);
  }
}
