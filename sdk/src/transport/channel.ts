import type { ChannelOptions, Client, ClientUnaryCall, Metadata, StatusObject } from '@grpc/grpc-js';
import { DcfError } from '../errors.js';
import { type Address, parseAddress } from './address.js';
import { makeCredentials, readTls } from './credentials.js';
import type { AttemptFacts } from './failure.js';
import type { Headers } from './metadata.js';
import type { ConnectionOptions, TlsOptions } from './options.js';

/** What every kind of call of grpc-js has. */
export type Call = ClientUnaryCall;

/** A channel that is in use. */
export interface OpenChannel {
  client: Client;
  /** Whether a call would be sent at once. */
  isConnected(): boolean;
  metadata(headers: Headers): Metadata;
}

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

/**
 * One lasting connection to a daemon, made at the first call and again after a break. It does not keep the process alive.
 * grpc-js is loaded with the first call, because every replica loads this package and few of them call out.
 */
export class Channel {
  readonly address: Address;
  /** Aborts when the channel is closed. */
  readonly closed: AbortSignal;
  readonly #closing = new AbortController();
  readonly #calls = new Set<Call>();
  readonly #tls: TlsOptions | undefined;
  readonly #maxReceive: number;
  #opening: Promise<OpenChannel> | undefined;
  #target: string | undefined;

  /**
   * @param url - the daemon's, as parseAddress takes it
   * @param maxReceive - bytes of a message that is received; -1 for no limit
   * @throws DcfError INVALID_ARGUMENT for a bad URL or bad TLS options
   */
  constructor(url: string, { tls }: ConnectionOptions, maxReceive: number) {
    this.address = parseAddress(url);
    this.closed = this.#closing.signal;
    this.#tls = readTls(this.address, tls);
    this.#maxReceive = maxReceive;
  }

  /** Throws a DcfError CANCELLED once it is closed, INVALID_ARGUMENT for certificates that cannot be read. */
  async open(): Promise<OpenChannel> {
    this.#opening ??= this.#open();
    const open = await this.#opening;
    this.closed.throwIfAborted();
    return open;
  }

  async #open(): Promise<OpenChannel> {
    const { Client, connectivityState, credentials, Metadata } = await import('@grpc/grpc-js');
    this.closed.throwIfAborted();
    const client = new Client(`dns:${this.address.shown}`, makeCredentials(credentials, this.#tls), {
      ...channelOptions,
      'grpc.max_receive_message_length': this.#maxReceive,
      // A proxy cannot reach this machine's own loopback.
      ...(this.address.loopback ? { 'grpc.enable_http_proxy': 0 } : {}),
      ...serverName(this.#tls?.servername),
    });
    this.closed.addEventListener('abort', () => client.close(), { once: true });
    const channel = client.getChannel();
    this.#target = channel.getTarget();
    return {
      client,
      isConnected: () => channel.getConnectivityState(true) === connectivityState.READY,
      metadata: (headers) => {
        const metadata = new Metadata();
        for (const [key, value] of headers) metadata.set(key, value);
        return metadata;
      },
    };
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
      // A call knows its peer's address only once it has a stream on a connection; until then grpc-js gives the target.
      onEnd(status, { sent: call.getPeer() !== this.#target, answerBegun });
    });
    this.#calls.add(call);
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
  }

  /** Cancels the calls that still run, and ends the connection. */
  close(): void {
    for (const call of this.#calls) call.cancel();
    this.#closing.abort(new DcfError('CANCELLED', 'the client was closed'));
  }
}

function serverName(name: string | undefined): ChannelOptions {
  return name === undefined ? {} : { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name };
}
