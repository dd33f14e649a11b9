import type { Contract } from '../contract/load.js';
import type {
  DaemonInfo,
  DeployEvent__Output,
  FunctionDescription,
  FunctionSummary,
  LogEntry,
  ScaleReply,
  SecretSummary,
} from '../contract/types.js';
import { DcfError } from '../errors.js';
import type { FunctionPackage } from '../package/types.js';
import { readTimeout } from '../timeout.js';
import { reachDaemon } from '../transport/calls/health.js';
import { callUnary, type UnaryMethod } from '../transport/calls/unary.js';
import { Channel } from '../transport/channel.js';
import { errorOfFailure } from '../transport/failure-error.js';
import { callHeaders, type Headers } from '../transport/metadata.js';
import type { OpenChannel } from '../transport/open-channel.js';
import { type CallLimits, type ConnectionOptions, defaultTimeoutMs, type Limits, startLimits } from '../transport/options.js';
import { followChange, streamEnd } from './change.js';
import { DeployExchange } from './deploy.js';
import type { DeployProgress, DeployResult, LogsQuery, Rollout, ScaleBounds, TrafficTarget } from './types.js';

/** Options of every change of a function. */
export interface ChangeOptions {
  /** Called for each step, for bytes sent and for lines of output. */
  onProgress?: ((progress: DeployProgress) => void) | undefined;
  /** Cancels the change when it aborts; the function then stays as it was. */
  signal?: AbortSignal | undefined;
}

/** Options of a deploy. */
export interface DeployOptions extends ChangeOptions, Rollout {}

type Methods = Contract['dcf']['Control']['service'];

/** Administers the functions of one daemon over one lasting connection, which does not keep the process alive while it is idle. */
export class ControlClient {
  readonly #channel: Channel;
  readonly #headers: Headers;
  readonly #timeoutMs: number;

  /**
   * @param url - the daemon: `localhost:32222`, `dcf://…`, `http://…`, with TLS `https://…`, or a Unix socket, `unix:/run/dcf/dcf.sock`;
   * the default port is 32222
   * @param options - the timeout does not hold for `logs`, and for changes that may have to start a revision, such as `deploy`: these end
   *   when they are done or their signal aborts
   * @throws DcfError INVALID_ARGUMENT for a malformed URL or option
   */
  constructor(url: string, options: ConnectionOptions = {}) {
    this.#headers = callHeaders({ token: options.token });
    this.#timeoutMs = readTimeout(options.timeout, defaultTimeoutMs);
    this.#channel = new Channel(url, options, -1);
  }

  /**
   * Deploys a package: makes it the active revision, or with `traffic` a revision that gets a share of the calls. Only blobs that the daemon
   * does not have yet are sent.
   *
   * @throws DcfError with the daemon's code; the function then stays as it was. If the Handler could not be built, the error's `cause` has the
   *   Handler's own stack. FAILED_PRECONDITION when a file has changed since it was packed
   */
  async deploy(pkg: FunctionPackage, { onProgress = () => undefined, signal, ...rollout }: DeployOptions = {}): Promise<DeployResult> {
    const { channel, limits } = await this.#reach(signal);
    const { path, requestSerialize, responseDeserialize } = (await controlMethods()).Deploy;
    const metadata = channel.metadata(this.#headers);
    const stream = channel.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    const end = streamEnd(channel, stream, signal);
    const exchange = new DeployExchange(stream, pkg, rollout, onProgress);
    exchange.start();
    const failure = await end;
    await exchange.finish();
    if (exchange.fault !== undefined && signal?.aborted !== true) throw exchange.fault;
    if (failure !== undefined) {
      const error = errorOfFailure(failure, channel, limits, 'the deploy may have succeeded; "dcf list" shows what is active');
      throw exchange.reader.explain(error);
    }
    const { result } = exchange.reader;
    if (result === undefined)
      throw new DcfError('INTERNAL', 'the daemon ended the deploy without a result; "dcf list" shows what is active');
    return result;
  }

  /**
   * Rolls a function back. While the traffic is split, the active revision gets all calls again; otherwise the revision that was active
   * before becomes the active one, so that a second rollback undoes the first.
   *
   * @param options - `to`: the revision or alias to go back to
   * @throws DcfError NOT_FOUND for an unknown function or revision; FAILED_PRECONDITION when there is nothing to go back to, or the revision
   *   does not start. The function then stays as it was
   */
  async rollback(name: string, { to = '', ...options }: ChangeOptions & { to?: string | undefined } = {}): Promise<DeployResult> {
    return await this.#change(({ Rollback }) => Rollback, { name, to }, options);
  }

  /**
   * Points an alias at a revision, which runs from then on.
   *
   * @param target - a revision, or another alias, which stands for the revision that it names now
   * @throws DcfError INVALID_ARGUMENT for a name that an alias cannot have; otherwise as `rollback` does
   */
  async setAlias(name: string, alias: string, target: string, options: ChangeOptions = {}): Promise<DeployResult> {
    if (target === '') throw new DcfError('INVALID_ARGUMENT', `the alias ${alias} needs a revision to point at; deleteAlias removes it`);
    return await this.#change(({ SetAlias }) => SetAlias, { name, alias, target }, options);
  }

  /** Removes an alias. @throws DcfError NOT_FOUND when the function does not have it */
  async deleteAlias(name: string, alias: string, options: ChangeOptions = {}): Promise<DeployResult> {
    return await this.#change(({ SetAlias }) => SetAlias, { name, alias, target: '' }, options);
  }

  /**
   * Splits the calls that name no revision. The shares must add up to 100; a revision with 100 becomes the active one.
   *
   * @param options - `maxErrorRate`: a revision beside the active one loses its share when more than this percentage of its calls fail
   * @throws DcfError INVALID_ARGUMENT for shares that are not possible; otherwise as `rollback` does
   */
  async setTraffic(
    name: string,
    shares: readonly TrafficTarget[],
    { maxErrorRate, ...options }: ChangeOptions & Pick<Rollout, 'maxErrorRate'> = {},
  ): Promise<DeployResult> {
    const request = { name, shares: [...shares], ...(maxErrorRate === undefined ? {} : { maxErrorRate }) };
    return await this.#change(({ SetTraffic }) => SetTraffic, request, options);
  }

  /**
   * Changes the bounds for the number of replicas of the active revision, until it is deployed again.
   *
   * @returns the bounds that hold now
   * @throws DcfError INVALID_ARGUMENT for bounds that are not possible; NOT_FOUND for an unknown function
   */
  async scale(name: string, { min, max }: ScaleBounds, limits: CallLimits = {}): Promise<ScaleReply> {
    const bounds = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
    return await this.#ask(({ Scale }) => Scale, { name, ...bounds }, limits);
  }

  /** The deployed functions, by name. */
  async list(limits: CallLimits = {}): Promise<FunctionSummary[]> {
    const { functions } = await this.#ask(({ List }) => List, {}, limits);
    return functions;
  }

  /** Everything that the daemon knows about a function. @throws DcfError NOT_FOUND when it is not deployed */
  async describe(name: string, limits: CallLimits = {}): Promise<FunctionDescription> {
    return await this.#ask(({ Describe }) => Describe, { name }, limits);
  }

  /** Deletes a function with all its revisions and its log. @throws DcfError NOT_FOUND when it is not deployed */
  async delete(name: string, limits: CallLimits = {}): Promise<void> {
    await this.#ask(({ Delete }) => Delete, { name }, limits);
  }

  /** Facts about the daemon and its host. */
  async info(limits: CallLimits = {}): Promise<DaemonInfo> {
    return await this.#ask(({ Info }) => Info, {}, limits);
  }

  /**
   * Creates a secret, or replaces its value. Replicas that start from now on get it.
   *
   * @param onlyFor - the only function that may use it; '' for every function. @default ''
   * @returns the functions whose replicas still run with the value before
   * @throws DcfError INVALID_ARGUMENT for a name or value that is not allowed; FAILED_PRECONDITION when it belongs to another function
   */
  async setSecret(name: string, value: Uint8Array, onlyFor = '', limits: CallLimits = {}): Promise<string[]> {
    const request = { name, value: Buffer.from(value), function: onlyFor };
    const { functions } = await this.#ask(({ SetSecret }) => SetSecret, request, limits);
    return functions;
  }

  /** The secrets that are set. Their values never leave the daemon. */
  async listSecrets(limits: CallLimits = {}): Promise<SecretSummary[]> {
    const { secrets } = await this.#ask(({ ListSecrets }) => ListSecrets, {}, limits);
    return secrets;
  }

  /**
   * Deletes a secret.
   *
   * @returns the functions whose replicas still run with it; new replicas of these cannot start
   * @throws DcfError NOT_FOUND when it is not set
   */
  async deleteSecret(name: string, limits: CallLimits = {}): Promise<string[]> {
    const { functions } = await this.#ask(({ DeleteSecret }) => DeleteSecret, { name }, limits);
    return functions;
  }

  /**
   * Reads a function's log, oldest entry first. With `follow` it ends only with an error. Leaving the loop ends the call.
   *
   * @throws DcfError CANCELLED when the signal aborts; UNAVAILABLE when the connection breaks or the daemon stops; NOT_FOUND for an unknown
   *   function, and for one that is deleted while it is followed
   */
  async *logs({ signal, ...query }: LogsQuery & { signal?: AbortSignal | undefined }): AsyncGenerator<LogEntry, void, undefined> {
    const { channel, limits } = await this.#reach(signal);
    const { path, requestSerialize, responseDeserialize } = (await controlMethods()).Logs;
    const metadata = channel.metadata(this.#headers);
    const stream = channel.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, query, metadata);
    const end = streamEnd(channel, stream, signal);
    // The status has everything about the error; without a listener the event would be an uncaught exception once nobody iterates.
    stream.on('error', () => undefined);
    try {
      for await (const entry of stream) yield entry;
    } catch (error) {
      const failure = await end;
      throw failure === undefined
        ? DcfError.from(error, 'INTERNAL')
        : errorOfFailure(failure, channel, limits, 'later entries are missing');
    } finally {
      stream.cancel();
    }
  }

  /** Closes the connection. What still runs is cancelled; further calls fail with CANCELLED. */
  close(): void {
    this.#channel.close();
  }

  async #change<Request>(
    pick: (methods: Methods) => UnaryMethod<Request, DeployEvent__Output>,
    request: Request,
    { onProgress = () => undefined, signal }: ChangeOptions,
  ): Promise<DeployResult> {
    const { channel, limits } = await this.#reach(signal);
    const { path, requestSerialize, responseDeserialize } = pick(await controlMethods());
    const metadata = channel.metadata(this.#headers);
    const stream = channel.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
    return await followChange(stream, { channel, limits, onProgress });
  }

  async #ask<Request, Reply>(pick: (methods: Methods) => UnaryMethod<Request, Reply>, request: Request, given: CallLimits): Promise<Reply> {
    const limits = startLimits(given, this.#timeoutMs);
    const method = pick(await controlMethods());
    const { reply } = await callUnary(await this.#channel.open(), { method, request, headers: this.#headers }, limits);
    return reply.message;
  }

  async #reach(signal: AbortSignal | undefined): Promise<{ channel: OpenChannel; limits: Limits }> {
    const limits = startLimits({ signal }, this.#timeoutMs);
    const channel = await this.#channel.open();
    await reachDaemon(channel, limits);
    return { channel, limits };
  }
}

/** The methods of the service. They are loaded with the first call, as grpc-js is. */
async function controlMethods(): Promise<Methods> {
  const { loadContract } = await import('../contract/load.js');
  return loadContract().dcf.Control.service;
}
