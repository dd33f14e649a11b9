import { once } from 'node:events';
import { connect } from 'node:net';
import { cleanUp, type Owner } from './cleanup.js';
import { literalField } from './hpack-blocks.js';
import { invokeRequest } from './raw-client.js';

export const types = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 };
const endStream = 1;
const endHeaders = 4;
const acknowledged = 1;

/** A connection that speaks HTTP/2 frame by frame and checks nothing of what it sends. */
export interface RawHttp2 {
  /** Calls `Functions.Invoke`, with more headers, of any size. */
  call: (id: number, name: string, headers?: readonly (readonly [name: string, value: string])[]) => void;
  /** Sends any frame. */
  frame: (type: number, flags: number, id: number, body: Uint8Array) => void;
  /** Why the daemon ends the connection, once it has said so. */
  goaway: () => { code: number; text: string } | undefined;
  /** Sends a header block as it is. */
  block: (id: number, bytes: Uint8Array) => void;
  /** Resolves when the daemon has read what was sent so far, or the connection is gone. */
  allRead: () => Promise<void>;
  /** What was said of a stream: `ended` with its gRPC status unread, or the code of its reset; `undefined` as long as it is open. */
  fate: (id: number) => string | undefined;
  /** The daemon's settings, by number. */
  settings: Map<number, number>;
  /** Resolves when the connection is gone. */
  closed: Promise<void>;
  isOpen: () => boolean;
}

/** Opens one that goes with its owner. */
export async function rawHttp2(owner: Owner, url: string): Promise<RawHttp2> {
  const [host, port] = url.split(':');
  const socket = connect(Number(port), host);
  cleanUp(owner, () => void socket.destroy());
  socket.on('error', () => undefined);
  const fates = new Map<number, string>();
  const settings = new Map<number, number>();
  const pings: (() => void)[] = [];
  let open = true;
  let goaway: { code: number; text: string } | undefined;
  // A write that meets the end of the connection is an error of the socket; `once` would reject with it.
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      open = false;
      resolve();
    });
  });
  const send = (type: number, flags: number, id: number, body: Uint8Array): void => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(body.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(id, 5);
    socket.write(Buffer.concat([head, body]));
  };
  const take = (type: number, flags: number, id: number, body: Buffer): void => {
    if (type === types.ping && (flags & acknowledged) === 0) send(types.ping, acknowledged, 0, body);
    if (type === types.ping && (flags & acknowledged) !== 0) pings.shift()?.();
    if (type === types.goaway) goaway ??= { code: body.readUInt32BE(4), text: body.toString('latin1', 8) };
    if (type === types.reset) fates.set(id, `reset ${body.readUInt32BE(0)}`);
    if ((type === types.data || type === types.headers) && (flags & endStream) !== 0) fates.set(id, 'ended');
    if (type !== types.settings || (flags & acknowledged) !== 0) return;
    for (let at = 0; at < body.length; at += 6) settings.set(body.readUInt16BE(at), body.readUInt32BE(at + 2));
    send(types.settings, acknowledged, 0, Buffer.alloc(0));
  };
  let rest = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    for (let length = rest.readUIntBE(0, 3); rest.length >= 9 + length; length = rest.readUIntBE(0, 3)) {
      take(rest[3] ?? 0, rest[4] ?? 0, rest.readUInt32BE(5), rest.subarray(9, 9 + length));
      rest = rest.subarray(9 + length);
      if (rest.length < 9) return;
    }
  });
  await once(socket, 'connect');
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  send(types.settings, 0, 0, Buffer.alloc(0));
  const block = (id: number, bytes: Uint8Array): void => {
    const size = 16_000;
    for (let at = 0; at < bytes.length; at += size)
      send(at === 0 ? types.headers : types.continuation, at + size >= bytes.length ? endHeaders : 0, id, bytes.subarray(at, at + size));
  };
  return {
    frame: send,
    goaway: () => goaway,
    block,
    allRead: async () => {
      const answered = new Promise<void>((resolve) => pings.push(resolve));
      send(types.ping, 0, 0, Buffer.alloc(8));
      await Promise.race([answered, closed]);
    },
    call: (id, name, headers = []) => {
      block(id, fieldBlock([...callHeaders, ...headers]));
      const message = invokeRequest({ function: name, input: Buffer.alloc(0) });
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      send(types.data, endStream, id, Buffer.concat([head, message]));
    },
    fate: (id) => fates.get(id),
    settings,
    closed,
    isOpen: () => open,
  };
}

/** A header block of fields, none of them in a table. */
export function fieldBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.map(([key, value]) => literalField('without indexing', key, value)));
}

/** The headers of a call of `Functions.Invoke`. */
export const callHeaders = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/dcf.v1.Functions/Invoke'],
  [':authority', 'localhost'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
] as const;
