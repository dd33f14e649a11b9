import type { CallReport } from './contract/report.js';
import { StreamResult } from './stream.js';
import { readTimeout } from './timeout.js';
import type { StreamInput, StreamProgress } from './transport/calls/stream-chunks.js';
import { Channel } from './transport/channel.js';
import type { OpenChannel } from './transport/open-channel.js';
import {
  type CallHeaders,
  type CallLimits,
  type ClientOptions,
  defaultTimeoutMs,
  readMaxPayload,
  startLimits,
} from './transport/options.js';

export interface InvokeOptions extends CallLimits, CallHeaders {}

export interface InvokeResult {
  /** A view into the message that was received: its `buffer` holds more than the output. */
  output: Uint8Array;
  report: CallReport;
}

/** What the first call loads. */
interface Loaded {
  channel: OpenChannel;
  invoke: typeof import('./transport/calls/invoke.js').invoke;
}

/** What the envelope adds to an output (a tag and its length), and what small chunks of a stream may come to in one message. */
const envelopeBytes = 64 * 1024;

/** Calls functions of one daemon, over one connection that lasts. It does not keep the process alive between calls. */
export class Client {
  readonly #channel: Channel;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  readonly #maxPayload: number | undefined;
  #loading: Promise<Loaded> | undefined;

  /**
   * @param url - `localhost:32222`, `dcf://…`, `http://…` or, with TLS, `https://…`; the port is 32222 where there is none
   * @throws DcfError INVALID_ARGUMENT for a bad URL or option
   */
  constructor(url: string, options: ClientOptions = {}) {
    this.#token = options.token;
    this.#timeoutMs = readTimeout(options.timeout, defaultTimeoutMs);
    this.#maxPayload = readMaxPayload(options.maxPayload);
    this.#channel = new Channel(url, options, this.#maxPayload === undefined ? -1 : this.#maxPayload + envelopeBytes);
  }

  /**
   * Calls a function.
   *
   * A call that was certainly not started is tried again until the timeout: the daemon said so, or its queue was full and it
   * said when to come back, or there was no connection (for two seconds, unless `waitForReady`). A call that may have run
   * is never tried again.
   *
   * @param service - the function's name
   * @param bytes - the input; a string is sent as UTF-8
   * @throws DcfError with the daemon's or the Handler's code, DEADLINE_EXCEEDED after the timeout, CANCELLED when the signal
   *   aborts, UNAVAILABLE when no daemon answers or the connection broke (the message says whether the call may have run),
   *   RESOURCE_EXHAUSTED for an input or output larger than `maxPayload`
   */
  async invoke(service: string, bytes: Uint8Array | string, options: InvokeOptions = {}): Promise<InvokeResult> {
    const begun = performance.now();
    const limits = startLimits(options, this.#timeoutMs);
    const { requestId, report = true } = options;
    const headers = { ...options, token: this.#token, report };
    this.#loading ??= this.#load();
    const { channel, invoke } = await this.#loading;
    const { output, attempts, daemonReport } = await invoke(channel, { service, bytes, headers, maxPayload: this.#maxPayload }, limits);
    const own = { totalMs: performance.now() - begun, attempts };
    return { output, report: { ...(requestId === undefined ? {} : { id: requestId }), ...daemonReport, ...own } };
  }

  /**
   * Calls a function whose output comes in chunks, and whose input may: `for await (const chunk of client.stream('upper', chunks))`.
   * Chunks go out as they are given, and no faster than the function takes them; the function makes no more than are read here.
   *
   * A call that was not accepted is tried again as `invoke` does, before any chunk is taken from `input`.
   *
   * @param service - the function's name
   * @param input - chunks of bytes or text; or bytes or text that are all of the input, as those of `invoke`
   * @param options - `timeout` is how long nothing may move in either direction while a chunk is waited for; there is no limit to
   *   the whole. The function's own timeout holds, too
   * @returns the chunks, with the report at the end. Leaving the loop early cancels the call. Its iteration throws as `invoke`
   *   does, also after chunks, and whatever the iterator of `input` throws
   */
  stream(service: string, input?: StreamInput, options: InvokeOptions = {}): StreamResult {
    return new StreamResult((progress) => this.#stream(service, input, options, progress));
  }

  /**
   * Waits until the daemon takes calls, also for one that is not there yet.
   *
   * @throws DcfError UNAVAILABLE or DEADLINE_EXCEEDED when it does not within the timeout, CANCELLED when the signal aborts
   */
  async ready(options: Pick<CallLimits, 'timeout' | 'signal'> = {}): Promise<void> {
    const limits = startLimits(options, this.#timeoutMs);
    const { waitUntilReady } = await import('./transport/calls/health.js');
    await waitUntilReady(await this.#channel.open(), limits);
  }

  async *#stream(
    service: string,
    input: StreamInput,
    options: InvokeOptions,
    progress: StreamProgress,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const limits = startLimits(options, this.#timeoutMs);
    const { requestId, report = true } = options;
    if (requestId !== undefined) progress.daemonReport = { id: requestId };
    const headers = { ...options, token: this.#token, report };
    const { streamChunks } = await import('./transport/calls/stream-chunks.js');
    const channel = await this.#channel.open();
    yield* streamChunks(channel, { service, input, headers, maxPayload: this.#maxPayload }, limits, progress);
  }

  async #load(): Promise<Loaded> {
    const [{ invoke }, channel] = await Promise.all([import('./transport/calls/invoke.js'), this.#channel.open()]);
    return { invoke, channel };
  }

  /** Ends the connection. Calls that still run are cancelled; further ones fail with CANCELLED. */
  close(): void {
    this.#channel.close();
  }
}
