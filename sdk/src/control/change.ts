import type { ClientReadableStream } from '@grpc/grpc-js';
import type { DeployEvent__Output } from '../contract/types.js';
import { DcfError, statusCodes } from '../errors.js';
import { classifyFailure, type Failure } from '../transport/failure.js';
import { errorOfFailure } from '../transport/failure-error.js';
import type { Call, OpenChannel } from '../transport/open-channel.js';
import type { Limits } from '../transport/options.js';
import type { DeployProgress, DeployResult } from './types.js';

/** Reads the daemon's events while it changes a function. */
export class ChangeReader {
  /** The result of the change, once the daemon has sent it. */
  result: DeployResult | undefined;
  /** The Handler's own stack, if the daemon has sent one. */
  stack: string | undefined;
  readonly #onProgress: (progress: DeployProgress) => void;

  constructor(onProgress: (progress: DeployProgress) => void) {
    this.#onProgress = onProgress;
  }

  read({ step, output, deployed, warning, stack, revision }: DeployEvent__Output): void {
    if (step) this.#onProgress({ kind: 'step', name: step.name, done: step.done, detail: step.detail });
    else if (output !== undefined) this.#onProgress({ kind: 'output', line: output });
    else if (warning !== undefined) this.#onProgress({ kind: 'warning', text: warning });
    else if (deployed) this.result = { function: deployed.function, revision: deployed.revision, changed: deployed.changed };
    else if (revision !== undefined) this.#onProgress({ kind: 'revision', revision });
    else if (stack !== undefined) {
      this.stack = stack;
      this.#onProgress({ kind: 'stack', stack });
    }
  }

  /** The daemon's error, with the Handler's own stack as its cause if the daemon has sent one. */
  explain(error: DcfError): DcfError {
    if (this.stack === undefined) return error;
    const cause = new Error(this.stack.split('\n', 1)[0]);
    cause.stack = this.stack;
    const { code, message, reason, retryAfterMs } = error;
    return new DcfError(code, message, { reason, retryAfterMs, cause });
  }
}

/** The channel, the limits and the listener of a change. */
export interface ChangeCall {
  channel: OpenChannel;
  limits: Limits;
  onProgress: (progress: DeployProgress) => void;
}

/** Follows a change of a function until its end. @throws DcfError when the change failed; unless its message says otherwise, nothing has changed */
export async function followChange(stream: ClientReadableStream<DeployEvent__Output>, call: ChangeCall): Promise<DeployResult> {
  const { channel, limits, onProgress } = call;
  const end = streamEnd(channel, stream, limits.signal);
  const reader = new ChangeReader(onProgress);
  let fault: DcfError | undefined;
  const allRead = new Promise((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
  });
  // The status has everything about the error; without a listener the event would be an uncaught exception.
  stream.on('error', () => undefined);
  stream.on('data', (event: DeployEvent__Output) => {
    try {
      reader.read(event);
    } catch (error) {
      fault ??= DcfError.from(error);
      stream.cancel();
    }
  });
  const failure = await end;
  await allRead;
  if (fault !== undefined && limits.signal?.aborted !== true) throw fault;
  if (failure !== undefined)
    throw reader.explain(errorOfFailure(failure, channel, limits, 'the change may have been made; "dcf describe" shows what is active'));
  if (reader.result === undefined)
    throw new DcfError('INTERNAL', 'the daemon ended the change without a result; "dcf describe" shows what is active');
  return reader.result;
}

/** Resolves when a stream has ended: with its failure, or with `undefined` if it succeeded. The stream is cancelled when `signal` aborts. */
export function streamEnd(channel: OpenChannel, stream: Call, signal: AbortSignal | undefined): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    channel.follow(stream, signal, (status, facts) => {
      resolve(status.code === statusCodes.OK ? undefined : classifyFailure(status, facts));
    });
  });
}
