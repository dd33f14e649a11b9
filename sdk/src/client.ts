import { decodeInvokeReply, encodeInvokeRequest } from './contract/envelope.js';
import { DcfError, messageOf } from './errors.js';
import { Channel } from './transport/channel.js';
import { waitUntilReady } from './transport/health.js';
import { callHeaders } from './transport/metadata.js';
import {
  type CallLimits,
  type ClientOptions,
  defaultTimeoutMs,
  readMaxPayload,
  readTimeout,
  startLimits,
  tooLarge,
} from './transport/options.js';
import { callUnary, type UnaryMethod } from './transport/unary.js';

export interface InvokeOptions extends CallLimits {
  /** The alias or revision to call; the active revision otherwise. */
  alias?: string | undefined;
  /** Your own id of the call, for logs: printable ASCII. The daemon makes one otherwise. */
  requestId?: string | undefined;
  /** Reaches the Handler as `request.metadata`: printable ASCII, keys in lower case. */
  metadata?: Readonly<Record<string, string>> | undefined;
}

/** How a call went. */
export interface CallReport {
  /** The call's id; `undefined` when the daemon made one and did not tell. */
  id: string | undefined;
  /** Milliseconds, from `invoke` to the output, the retries included. */
  totalMs: number;
  /** 1 when the first try did it. Only tries that certainly did not start the call are followed by another. */
  attempts: number;
}

export interface InvokeResult {
  /** A view into the message that was received: its `buffer` holds more than the output. */
  output: Uint8Array;
  report: CallReport;
}

const identity = (message: Buffer): Buffer => message;
/** The envelope is written by hand (contract/envelope.ts), so that a payload is copied once on its way. */
const invoke: UnaryMethod<Buffer, Buffer> = { path: '/dcf.v1.Functions/Invoke', requestSerialize: identity, responseDeserialize: identity };
/** Tag and length around an output. */
const envelopeBytes = 16;

/** Calls functions of one daemon, over one connection that lasts. It does not keep the process alive between calls. */
export class Client {
  readonly #channel: Channel;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;
  readonly #maxPayload: number | undefined;

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
    const headers = callHeaders({ ...options, token: this.#token });
    const request = encodeInvokeRequest({ function: service, input: this.#readInput(bytes) });
    const { reply, attempts } = await callUnary(this.#channel, { method: invoke, request, headers }, limits);
    const id = options.requestId ?? reply.trailers.get('dcf-request-id')[0]?.toString();
    return { output: this.#readOutput(reply.message), report: { id, totalMs: performance.now() - begun, attempts } };
  }

  /**
   * Waits until the daemon takes calls, also for one that is not there yet.
   *
   * @throws DcfError UNAVAILABLE or DEADLINE_EXCEEDED when it does not within the timeout, CANCELLED when the signal aborts
   */
  async ready(options: Pick<CallLimits, 'timeout' | 'signal'> = {}): Promise<void> {
    await waitUntilReady(this.#channel, startLimits(options, this.#timeoutMs));
  }

  /** Ends the connection. Calls that still run are cancelled; further ones fail with CANCELLED. */
  close(): void {
    this.#channel.close();
  }

  #readInput(bytes: Uint8Array | string): Uint8Array {
    const input = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    if (!(input instanceof Uint8Array)) throw new DcfError('INVALID_ARGUMENT', 'the input must be a Uint8Array or a string');
    if (this.#maxPayload !== undefined && input.length > this.#maxPayload) throw tooLarge('input', input.length, this.#maxPayload);
    return input;
  }

  #readOutput(message: Buffer): Uint8Array {
    let output: Buffer;
    try {
      output = decodeInvokeReply(message);
    } catch (error) {
      throw new DcfError('INTERNAL', `the daemon's reply cannot be read: ${messageOf(error)}`, { cause: error });
    }
    if (this.#maxPayload !== undefined && output.length > this.#maxPayload) throw tooLarge('output', output.length, this.#maxPayload);
    return output;
  }
}
