import { setMaxListeners } from 'node:events';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientUnaryCall,
  connectivityState,
  credentials,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js';
import { DcfError, messageOf } from '../errors.js';
import type { Address } from './address.js';
import type { AttemptFacts } from './failure.js';
import type { Headers } from './metadata.js';
import type { ChannelSettings, TlsOptions } from './options.js';
import { type Route, routeTo } from './proxy.js';

/** What every kind of call of grpc-js has. */
export type Call = ClientUnaryCall;

const channelOptions: ChannelOptions = {
  // grpc-js would retry on its own, and by a policy from DNS; what may be tried again is decided in retry.ts.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // HTTP/2 begins with 64 KiB, which is 6 MB/s over a round trip of 10 ms.
  'grpc-node.flow_control_window': 1024 * 1024,
  // Finds a peer that is gone without a word, while calls wait for it.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/** A channel that is in use, and the calls on it. */
export class OpenChannel {
  readonly address: Address;
  /** Aborts when the channel is closed. */
  readonly closed: AbortSignal;
  readonly client: Client;
  /** How the daemon is reached. */
  readonly route: Route;
  readonly #calls = new Set<Call>();

  /** Throws a DcfError INVALID_ARGUMENT for certificates that cannot be read. */
  constructor({ address, tls, maxReceive, closed }: ChannelSettings) {
    this.address = address;
    this.closed = closed;
    this.route = routeTo(address);
    const target = `dns:${address.shown}`;
    this.client = new Client(this.route.kind === 'proxy' ? `dns:${this.route.proxy}` : target, makeCredentials(tls), {
      ...channelOptions,
      'grpc.max_receive_message_length': maxReceive,
      ...proxyOptions(this.route, target, address.shown),
      ...serverName(tls?.servername),
    });
    // Every call that waits for its next try listens to it: no leak, however many they are.
    setMaxListeners(0, closed);
    closed.addEventListener('abort', () => this.#close(), { once: true });
  }

  /** Whether a call would be sent at once; if not, a connection is made. */
  isConnected(): boolean {
    return this.client.getChannel().getConnectivityState(true) === connectivityState.READY;
  }

  /** Headers as grpc-js wants them. They must have been checked. */
  metadata(headers: Headers): Metadata {
    const metadata = new Metadata();
    for (const [key, value] of headers) metadata.set(key, value);
    return metadata;
  }

  /** Looks after a call until it ends: cancels it when the channel is closed or `signal` aborts, and tells how it ended. */
  follow(call: Call, signal: AbortSignal | undefined, onEnd: (status: StatusObject, facts: AttemptFacts) => void): void {
    let answerBegun = false;
    const cancel = (): void => call.cancel();
    call.once('metadata', () => {
      answerBegun = true;
    });
    call.once('status', (status: StatusObject) => {
      signal?.removeEventListener('abort', cancel);
      this.#calls.delete(call);
      onEnd(status, { sent: this.#wasSent(call), answerBegun });
    });
    this.#calls.add(call);
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
  }

  /** A call knows its peer's address only once it has a stream on a connection; until then grpc-js gives the channel's target. */
  #wasSent(call: Call): boolean {
    return call.getPeer() !== this.client.getChannel().getTarget();
  }

  #close(): void {
    for (const call of this.#calls) call.cancel();
    this.client.close();
  }
}

/** grpc-js would take its own look at the environment, and heed less of it. */
function proxyOptions(route: Route, target: string, authority: string): ChannelOptions {
  const own: ChannelOptions = { 'grpc.enable_http_proxy': 0 };
  if (route.kind === 'direct') return own;
  const { credentials } = route;
  return {
    ...own,
    'grpc.http_connect_target': target,
    'grpc.default_authority': authority,
    ...(credentials === undefined ? {} : { 'grpc.http_connect_creds': credentials }),
  };
}

function serverName(name: string | undefined): ChannelOptions {
  return name === undefined ? {} : { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name };
}

/** The credentials of a channel. Throws a DcfError INVALID_ARGUMENT for a certificate or key that cannot be read. */
export function makeCredentials(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  try {
    return credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert));
  } catch (error) {
    throw new DcfError('INVALID_ARGUMENT', `tls: a certificate or key cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function pem(text: string | Uint8Array | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}
