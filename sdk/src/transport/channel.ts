import { DcfError } from '../errors.js';
import { parseAddress } from './address.js';
import type { OpenChannel } from './open-channel.js';
import { type ChannelSettings, type ConnectionOptions, readTls } from './options.js';

/**
 * One lasting connection to a daemon. It is made for the first call, and again after it broke, and does not keep the process alive. grpc-js
 * is loaded with the first call, because every replica loads this package, but few use the client.
 */
export class Channel {
  readonly #closing = new AbortController();
  readonly #settings: ChannelSettings;
  #opening: Promise<OpenChannel> | undefined;

  /**
   * @param url - the URL of the daemon, as for parseAddress
   * @param maxReceive - most bytes of a message from the daemon; -1 for no limit
   * @throws DcfError INVALID_ARGUMENT for a malformed URL or wrong TLS options
   */
  constructor(url: string, { tls }: ConnectionOptions, maxReceive: number) {
    const address = parseAddress(url);
    this.#settings = { address, tls: readTls(address, tls), maxReceive, closed: this.#closing.signal };
  }

  /** Loads grpc-js and makes the channel. @throws DcfError CANCELLED once it is closed; INVALID_ARGUMENT for unreadable certificates */
  async open(): Promise<OpenChannel> {
    this.#opening ??= this.#open();
    const open = await this.#opening;
    this.#settings.closed.throwIfAborted();
    return open;
  }

  async #open(): Promise<OpenChannel> {
    const { OpenChannel } = await import('./open-channel.js');
    this.#settings.closed.throwIfAborted();
    return new OpenChannel(this.#settings);
  }

  /** Cancels the calls that still run, and closes the connection. */
  close(): void {
    this.#closing.abort(new DcfError('CANCELLED', 'the client was closed'));
  }
}
