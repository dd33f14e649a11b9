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

/** The interface that all kinds of calls of grpc-js have in common. */
export type Call = ClientUnaryCall;

const channelOptions: ChannelOptions = {
  // grpc-js has retries of its own, also by a policy from DNS. They are off, as retry.ts decides what may be tried again.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // The default window of HTTP/2 is 64 KiB, which allows only 6 MB/s over a round trip of 10 ms.
  'grpc-node.flow_control_window': 1024 * 1024,
  // Detects a daemon that disappeared without closing the connection while calls wait for it.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/** A channel of grpc-js, and the calls on it. */
export class OpenChannel {
  readonly address: Address;
  /** Aborts when the channel is closed. */
  readonly closed: AbortSignal;
  readonly client: Client;
  /** How the daemon is reached: directly, or through a proxy. */
  readonly route: Route;
  readonly #calls = new Set<Call>();

  /** @throws DcfError INVALID_ARGUMENT for unreadable certificates */
  constructor({ address, tls, maxReceive, closed }: ChannelSettings) {
    this.address = address;
    this.closed = closed;
    this.route = routeTo(address);
    const target = address.kind === 'unix' ? address.shown : `dns:${address.shown}`;
    this.client = new Client(this.route.kind === 'proxy' ? `dns:${this.route.proxy}` : target, makeCredentials(tls), {
      ...channelOptions,
      'grpc.max_receive_message_length': maxReceive,
      ...proxyOptions(this.route, target, address.shown),
      ...serverName(tls?.servername),
    });
    // Every call that waits for its next try adds a listener: many of them are not a leak.
    setMaxListeners(0, closed);
    closed.addEventListener('abort', () => this.#close(), { once: true });
  }

  /** Whether a connection is there, so that a call would be sent at once. If not, grpc-js begins to connect. */
  isConnected(): boolean {
    return this.client.getChannel().getConnectivityState(true) === connectivityState.READY;
  }

  /** The headers in the form of grpc-js. They must have been checked (`callHeaders`). */
  metadata(headers: Headers): Metadata {
    const metadata = new Metadata();
    for (const [key, value] of headers) metadata.set(key, value);
    return metadata;
  }

  /** Follows a call until it ends: cancels it when the channel is closed or `signal` aborts, and calls `onEnd` with its status. */
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

  /** Whether a call has a stream on a connection: grpc-js then gives the address of the peer, and before that the channel's target. */
  #wasSent(call: Call): boolean {
    return call.getPeer() !== this.client.getChannel().getTarget();
  }

  #close(): void {
    for (const call of this.#calls) call.cancel();
    this.client.close();
  }
}

/** The options for a proxy. The proxy support of grpc-js, which reads fewer environment variables, is off. */
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

/** The credentials of a channel. @throws DcfError INVALID_ARGUMENT for an unreadable certificate or key */
function makeCredentials(tls: TlsOptions | undefined): ChannelCredentials {
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
