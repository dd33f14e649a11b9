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

/** Options of one call. */
export interface InvokeOptions extends CallLimits, CallHeaders {}

/** The output of a call, and how the call went. */
export interface InvokeResult {
  /** The output. It is a view into the message that was received: its `buffer` holds more bytes. */
  output: Uint8Array;
  report: CallReport;
}

/** The modules and the connection that the first call loads. */
interface Loaded {
  channel: OpenChannel;
  invoke: typeof import('./transport/calls/invoke.js').invoke;
}

/** Bytes of a message beyond `maxPayload`: room for the envelope of an output, and for several small chunks of a stream. */
const envelopeBytes = 64 * 1024;

/**
 * Calls functions of one daemon over one lasting connection, which does not keep the process alive between calls.
 *
 * @example
 * const client = new Client('https://gpu.example.com:32222', { token: process.env.DCF_TOKEN, timeout: '10s' });
 * const { output, report } = await client.invoke('digits', picture);
 */
export class Client {
  readonly #channel: Channel;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  readonly #maxPayload: number | undefined;
  #loading: Promise<Loaded> | undefined;

  /**
   * @param url - the daemon: `localhost:32222`, `dcf://…`, `http://…`, with TLS `https://…`, or a Unix socket, `unix:/run/dcf/dcf.sock`;
   * the default port is 32222
   * @throws DcfError INVALID_ARGUMENT for a malformed URL or option
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
   * A call that was certainly not started is tried again until the timeout: if the daemon says so, if its queue was full and it said when
   * to try again, or if there was no connection (for two seconds, or with `waitForReady` until the timeout). A call that may have run is
   * never tried again.
   *
   * @param service - the function's name
   * @param bytes - the input; a string is sent as UTF-8
   * @throws DcfError with the daemon's or the Handler's code; DEADLINE_EXCEEDED after the timeout; CANCELLED when the signal
   *   aborts; UNAVAILABLE when no daemon answers or the connection broke (the message says whether the call may have run);
   *   RESOURCE_EXHAUSTED for an input or output larger than `maxPayload`; INVALID_ARGUMENT for a wrong option
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
   * Calls a function whose output comes in chunks; its input may be given in chunks, too. Chunks are sent no faster than the function
   * reads them, and the function makes no more chunks than are read here.
   *
   * A call that was not accepted is tried again as by `invoke`, before any chunk is read from `input`.
   *
   * @param service - the function's name
   * @param input - an iterable of bytes or texts, or the whole input as bytes or text; @default an empty input
   * @param options - `timeout` limits how long nothing may move in either direction while this client waits for a chunk; the call as a whole
   *   may take any time. The function's own timeout also holds
   * @returns the chunks of the output, and after them the report. Leaving the loop early cancels the call. Iterating throws as `invoke`
   *   does, also after some chunks, and whatever the iterator of `input` throws
   *
   * @example
   * for await (const chunk of client.stream('upper', chunks)) process.stdout.write(chunk);
   */
  stream(service: string, input?: StreamInput, options: InvokeOptions = {}): StreamResult {
    return new StreamResult((progress) => this.#stream(service, input, options, progress));
  }

  /**
   * Waits until the daemon takes calls, also if it is not running yet.
   *
   * @throws DcfError UNAVAILABLE or DEADLINE_EXCEEDED when it takes none within the timeout; CANCELLED when the signal aborts
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

  /** Closes the connection. Calls that still run are cancelled; further calls fail with CANCELLED. */
  close(): void {
    this.#channel.close();
  }
}
