/** Bytes of a frame's head (RFC 9113, section 4.1): length 3, type 1, flags 1, stream identifier 4. */
export const frameHeadLength = 9;

/** The types of frames (RFC 9113, section 6). */
export const frameTypes = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** The flags of frames; which of them a frame may have depends on its type. */
export const flags = { NONE: 0, ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

/** The bytes that a client sends first (RFC 9113, section 3.4). */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Frames with a longer payload are refused: the least SETTINGS_MAX_FRAME_SIZE (RFC 9113, section 6.5.2), which every client keeps. */
export const maxFrameLength = 16_384;

/** Reads 31 bits of a number; the bit above them is reserved. */
export function readUint31(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) & 0x7fffffff;
}
