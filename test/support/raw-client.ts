import { Client, credentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { cleanUp, type Owner } from './cleanup.js';

export interface RawOptions {
  headers?: Readonly<Record<string, string>>;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** How a call ended, as it was on the wire. */
export interface RawResult {
  /** The code's name, such as `NOT_FOUND`. */
  code: string;
  details: string;
  /** The reply, undecoded; empty without one. */
  reply: Buffer;
  trailers: Readonly<Record<string, string>>;
}

/** A client without any contract, on one connection: it sends the bytes that it is given to the path that it is given. */
export interface RawClient {
  call: (path: string, request: Uint8Array, options?: RawOptions) => Promise<RawResult>;
}

const identity = (bytes: Buffer): Buffer => bytes;

/** Opens a connection that goes with its owner. */
export function rawClient(owner: Owner, url: string): RawClient {
  const client = new Client(url, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
  cleanUp(owner, () => client.close());
  return {
    call: (path, request, { headers = {}, timeoutMs, signal } = {}) =>
      new Promise((resolve) => {
        const metadata = new Metadata();
        for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
        let reply: Buffer = Buffer.alloc(0);
        const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
        const call = client.makeUnaryRequest(path, identity, identity, Buffer.from(request), metadata, options, (_error, message) => {
          reply = message ?? reply;
        });
        signal?.addEventListener('abort', () => call.cancel(), { once: true });
        call.on('status', (ended: StatusObject) => {
          const trailers = Object.fromEntries(Object.entries(ended.metadata.getMap()).map(([key, value]) => [key, value.toString()]));
          resolve({ code: status[ended.code], details: ended.details, reply, trailers });
        });
      }),
  };
}

/** The two-field message of an Invoke of either contract. */
export { decodeInvokeReply as invokeReply, encodeInvokeRequest as invokeRequest } from '@dcf/sdk/contract';
