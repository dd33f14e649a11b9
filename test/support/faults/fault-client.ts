import { Client, credentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { invokeReply, invokeRequest } from '../raw-client.js';
import type { Ledger, LedgerEntry } from './ledger.js';

export interface FaultCallOptions {
  /** Told to the daemon, in milliseconds; 10,000 unless given. The client itself waits longer, so that a late answer is seen. */
  timeoutMs?: number;
  signal?: AbortSignal;
  headers?: Readonly<Record<string, string>>;
}

/** How a call ended, as it was on the wire. */
export interface FaultReply {
  /** The code's name, such as `DEADLINE_EXCEEDED`. */
  code: string;
  details: string;
  output: Buffer;
  text: string;
  /** The trailer `dcf-reason`, or ''. */
  reason: string;
  /** Whether the daemon gave its word that the call was not started. */
  notStarted: boolean;
  pushbackMs: number | undefined;
  /** Milliseconds from the call to its end. */
  tookMs: number;
}

/** How much longer than it tells the daemon the client waits. */
const patienceMs = 10_000;
const identity = (bytes: Buffer): Buffer => bytes;

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A client on a connection of its own that retries nothing, leaves deadlines to the daemon, and keeps a ledger. */
export class FaultClient {
  private readonly client: Client;

  constructor(
    url: string,
    private readonly ledger: () => Ledger,
  ) {
    this.client = new Client(url, credentials.createInsecure(), {
      'grpc.enable_retries': 0,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 200,
    });
  }

  /** Calls a function. Never rejects. */
  invoke(name: string, input: Uint8Array | string, options: FaultCallOptions = {}): Promise<FaultReply> {
    const request = invokeRequest({ function: name, input: typeof input === 'string' ? Buffer.from(input) : input });
    return this.send('/dcf.v1.Functions/Invoke', request, `of ${name}`, options);
  }

  /** Sends any bytes to any method. Never rejects. */
  send(path: string, request: Uint8Array, what = `of ${path}`, options: FaultCallOptions = {}): Promise<FaultReply> {
    const { timeoutMs = 10_000, signal, headers = {} } = options;
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    // A deadline that grpc-js knows of would end the call here, whatever the daemon does.
    metadata.set('grpc-timeout', `${Math.ceil(timeoutMs)}m`);
    const begun = performance.now();
    const entry = this.ledger().begin(what, timeoutMs);
    return new Promise((resolve) => {
      const answer = new OneAnswer(entry);
      const call = this.client.makeUnaryRequest(path, identity, identity, asBuffer(request), metadata, (_error, message) =>
        answer.message(message),
      );
      const abort = (): void => call.cancel();
      const patience = setTimeout(abort, timeoutMs + patienceMs);
      signal?.addEventListener('abort', abort, { once: true });
      call.on('status', (ended: StatusObject) => {
        clearTimeout(patience);
        signal?.removeEventListener('abort', abort);
        answer.status();
        resolve(readReply(ended, answer.body, performance.now() - begun));
      });
    });
  }

  close(): void {
    this.client.close();
  }
}

/** One answer is a callback and a status; a second of either is a second answer. */
class OneAnswer {
  body: Buffer = Buffer.alloc(0);
  private messages = 0;
  private statuses = 0;

  constructor(private readonly entry: LedgerEntry) {}

  message(body: Buffer | undefined): void {
    this.messages += 1;
    this.body = body ?? this.body;
    if (this.messages > 1) this.entry.settle();
  }

  status(): void {
    this.statuses += 1;
    if (this.statuses >= this.messages) this.entry.settle();
  }
}

function readReply({ code, details, metadata }: StatusObject, body: Buffer, tookMs: number): FaultReply {
  const trailer = (key: string): string | undefined => metadata.get(key)[0]?.toString();
  const pushback = trailer('grpc-retry-pushback-ms');
  const output = code === status.OK ? readOutput(body) : body;
  return {
    code: status[code],
    details,
    output,
    text: output.toString(),
    reason: trailer('dcf-reason') ?? '',
    notStarted: trailer('dcf-not-started') === '1',
    pushbackMs: pushback === undefined ? undefined : Number(pushback),
    tookMs,
  };
}

/** Replies of other methods have other shapes. */
function readOutput(body: Buffer): Buffer {
  try {
    return invokeReply(body);
  } catch {
    return body;
  }
}
