import { DcfError } from '../errors.js';
import { parseAddress } from './address.js';
import type { OpenChannel } from './open-channel.js';
import { type ChannelSettings, type ConnectionOptions, readTls } from './options.js';

/**
 * One lasting connection to a daemon, made at the first call and again after a break. It does not keep the process alive.
 * grpc-js is loaded with the first call, because every replica loads this package and few of them call out.
 */
export class Channel {
  readonly #closing = new AbortController();
  readonly #settings: ChannelSettings;
  #opening: Promise<OpenChannel> | undefined;

  /**
   * @param url - the daemon's, as parseAddress takes it
   * @param maxReceive - bytes of a message that is received; -1 for no limit
   * @throws DcfError INVALID_ARGUMENT for a bad URL or bad TLS options
   */
  constructor(url: string, { tls }: ConnectionOptions, maxReceive: number) {
    const address = parseAddress(url);
    this.#settings = { address, tls: readTls(address, tls), maxReceive, closed: this.#closing.signal };
  }

  /** Throws a DcfError CANCELLED once it is closed, INVALID_ARGUMENT for certificates that cannot be read. */
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

  /** Cancels the calls that still run, and ends the connection. */
  close(): void {
    this.#closing.abort(new DcfError('CANCELLED', 'the client was closed'));
  }
}
