import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { cleanUp, type Owner } from './cleanup.js';

/** An answer, as it was on the wire. */
export interface HttpAnswer {
  status: number;
  /** By names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** A connection that sends what it is told to, be it HTTP or not. */
export interface HttpConnection {
  socket: Socket;
  send: (text: string | Uint8Array) => void;
  /** The next answer; rejects when the connection ends before. */
  answer: () => Promise<HttpAnswer>;
  /** Resolves when the connection is gone. */
  ended: Promise<void>;
  /** Resolves when the connection is gone, with what has not been taken as an answer. */
  rest: () => Promise<string>;
}

/** Opens a connection to `http://HOST:PORT` that goes with its owner. */
export async function openHttp(owner: Owner, url: string): Promise<HttpConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  cleanUp(owner, () => void socket.destroy());
  let received = Buffer.alloc(0);
  let open = true;
  let changed = (): void => undefined;
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    changed();
  });
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      open = false;
      changed();
      resolve();
    });
  });
  const answer = async (): Promise<HttpAnswer> => {
    for (;;) {
      const found = takeAnswer(received);
      if (found !== undefined) {
        received = received.subarray(found.length);
        return found.answer;
      }
      if (!open) throw new Error(`the connection ended without an answer: ${JSON.stringify(received.toString('latin1'))}`);
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };
  const rest = async (): Promise<string> => {
    await ended;
    return received.toString('latin1');
  };
  await once(socket, 'connect');
  return { socket, send: (text) => void socket.write(text), answer, ended, rest };
}

/** A request's line and headers, ended by an empty line. */
export function requestHead(line: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const all = { host: 'localhost', ...headers };
  const fields = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${fields.join('')}\r\n`;
}

function takeAnswer(received: Buffer): { answer: HttpAnswer; length: number } | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const [line = '', ...fields] = received.subarray(0, headEnd).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(fields.map((field) => split(field)));
  const length = headEnd + 4 + Number(headers['content-length'] ?? 0);
  if (received.length < length) return undefined;
  const body = received.subarray(headEnd + 4, length).toString('latin1');
  return { answer: { status: Number(line.split(' ')[1]), headers, body }, length };
}

function split(field: string): [string, string] {
  const colon = field.indexOf(':');
  return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
}
