import { once } from 'node:events';
import { decodeInvokeReply, encodeInvokeRequest } from '@dcf/sdk/contract';
import { Client, credentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { cleanUp, type Owner } from './cleanup.js';

/** What a stream of calls came to. */
export interface InvokesResult {
  /** The code's name, such as `NOT_FOUND`. */
  code: string | undefined;
  details: string;
  outputs: Buffer[];
  trailers: Record<string, string>;
}

/** A stream of `pb.Gateway/Invokes`, message by message. */
export interface InvokesStream {
  /** Resolves when it has left this process: the daemon's flow control has let it, or the stream has ended. */
  write(service: string, input: Uint8Array | string): Promise<void>;
  /** Requests that have left. */
  readonly left: number;
  writeRaw(message: Uint8Array): void;
  end(): void;
  cancel(): void;
  /** Reads no answers until `resume`. */
  pause(): void;
  resume(): void;
  /** The outputs that have come. */
  outputs: Buffer[];
  /** Resolves when so many outputs have come. */
  came(count: number): Promise<void>;
  ended: Promise<InvokesResult>;
}

const bytes = (message: Buffer): Buffer => message;

/** Opens streams of calls on one connection. */
export function invokesClient(owner: Owner, url: string) {
  const client = new Client(url, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  cleanUp(owner, () => client.close());
  return (headers: Readonly<Record<string, string>> = {}, timeoutMs = 60_000): InvokesStream => {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    const stream = client.makeBidiStreamRequest('/pb.Gateway/Invokes', bytes, bytes, metadata, { deadline: Date.now() + timeoutMs });
    const outputs: Buffer[] = [];
    let left = 0;
    const ended = new Promise<InvokesResult>((resolve) => {
      stream.once('status', ({ code, details, metadata: trailers }: StatusObject) => {
        const read = Object.entries(trailers.getMap()).map(([key, value]) => [key, value.toString()]);
        // The outputs before the status are read by then.
        setImmediate(() => resolve({ code: status[code], details, outputs, trailers: Object.fromEntries(read) }));
      });
    });
    stream.on('error', () => undefined);
    stream.on('data', (message: Buffer) => {
      outputs.push(decodeInvokeReply(message));
      stream.emit('output');
    });
    return {
      write: async (service, input) => {
        const message = encodeInvokeRequest({ function: service, input: Buffer.from(input) });
        const written = new Promise<void>((resolve) => {
          stream.write(message, () => {
            left += 1;
            resolve();
          });
        });
        await Promise.race([written, ended]);
      },
      get left() {
        return left;
      },
      writeRaw: (message) => void stream.write(Buffer.from(message)),
      end: () => stream.end(),
      cancel: () => stream.cancel(),
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      outputs,
      came: async (count) => {
        while (outputs.length < count) await once(stream, 'output');
      },
      ended,
    };
  };
}
