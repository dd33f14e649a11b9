import assert from 'node:assert/strict';
import { literalField } from '../hpack-blocks.js';

// Frames of HTTP/2 for tests, written by RFC 9113 and not by the code that they test.

export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export type Field = readonly [name: string, value: string];

export interface Frame {
  type: number;
  flags: number;
  id: number;
  payload: Buffer;
}

/** Any frame, right or wrong. */
export function frame(type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** SETTINGS, as numbers of settings and their values. */
export function settings(entries: readonly (readonly [identifier: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(6 * entries.length);
  for (const [index, [identifier, value]] of entries.entries()) {
    payload.writeUInt16BE(identifier, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(types.settings, 0, 0, payload);
}

export const settingsAck = frame(types.settings, flag.ack, 0);

export function ping(payload: Uint8Array = Buffer.alloc(8), flags = 0): Buffer {
  return frame(types.ping, flags, 0, payload);
}

export function windowUpdate(id: number, increment: number): Buffer {
  return frame(types.windowUpdate, 0, id, number(increment));
}

export function reset(id: number, code: number = errorCode.cancel): Buffer {
  return frame(types.reset, 0, id, number(code));
}

export function data(id: number, body: Uint8Array | string, flags = 0): Buffer {
  return frame(types.data, flags, id, typeof body === 'string' ? Buffer.from(body) : body);
}

/** A payload with padding around it, for a frame with the flag PADDED. */
export function padded(payload: Uint8Array, padding: number): Buffer {
  return Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]);
}

/** A header block without a dynamic table. */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => literalField('without indexing', name, value)));
}

export function headers(id: number, fields: readonly Field[], flags: number = flag.endHeaders): Buffer {
  return frame(types.headers, flags, id, block(fields));
}

/** The fields of a request that is well-formed, those in `changes` replaced; `undefined` leaves one out. */
export function requestFields(changes: Readonly<Record<string, string | undefined>> = {}): Field[] {
  const fields = { ':method': 'POST', ':scheme': 'http', ':path': '/a', ':authority': 'localhost', ...changes };
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

/** HEADERS that begin a request. */
export function request(id: number, { end = false, fields = requestFields() }: { end?: boolean; fields?: readonly Field[] } = {}): Buffer {
  return headers(id, fields, flag.endHeaders | (end ? flag.endStream : 0));
}

/** Reads frames. What is left over at the end is a mistake. */
export function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    assert.ok(bytes.length - at >= 9, 'the bytes end within the head of a frame');
    const end = at + 9 + bytes.readUIntBE(at, 3);
    assert.ok(end <= bytes.length, 'the bytes end within a frame');
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      id: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

/** A frame in words, as tests compare it: `HEADERS 1 END_STREAM …`. Header blocks are left out. */
export function describe({ type, flags, id, payload }: Frame): string {
  const end = (flags & flag.endStream) === 0 ? '' : ' END_STREAM';
  switch (type) {
    case types.data:
      return `DATA ${id} ${payload.length}${end}`;
    case types.headers:
      return `HEADERS ${id}${end}${(flags & flag.endHeaders) === 0 ? ' …' : ''}`;
    case types.continuation:
      return `CONTINUATION ${id}${(flags & flag.endHeaders) === 0 ? ' …' : ''}`;
    case types.reset:
      return `RST_STREAM ${id} ${nameOf(payload.readUInt32BE(0))}`;
    case types.settings:
      return (flags & flag.ack) === 0 ? 'SETTINGS' : 'SETTINGS ACK';
    case types.ping:
      return (flags & flag.ack) === 0 ? 'PING' : `PING ACK ${payload.toString('latin1')}`;
    case types.goaway:
      return `GOAWAY ${payload.readUInt32BE(0)} ${nameOf(payload.readUInt32BE(4))}`;
    case types.windowUpdate:
      return `WINDOW_UPDATE ${id} ${payload.readUInt32BE(0)}`;
    default:
      return `frame of type ${type}`;
  }
}

function nameOf(code: number): string {
  return Object.entries(errorCode).find(([, known]) => known === code)?.[0] ?? String(code);
}
