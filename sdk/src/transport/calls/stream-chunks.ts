import { ChunkReader, encodeStreamStart, replyChunks } from '../../contract/chunks.js';
import { type DaemonReport, parseReport } from '../../contract/report.js';
import { DcfError, messageOf } from '../../errors.js';
import { formatDuration } from '../../units.js';
import { errorOfFailure } from '../failure-error.js';
import { callHeaders, type HeaderOptions, trailer } from '../metadata.js';
import type { OpenChannel } from '../open-channel.js';
import { type Limits, tooLarge } from '../options.js';
import { retrying, retryNotStarted } from '../retry.js';
import { type ChunkSource, InputPump } from './input-pump.js';
import { readInput } from './invoke.js';
import { type OpenStream, openStream } from './open-stream.js';

/** Chunks of an input. A chunk must not be changed after it was given, as it may not have been sent yet. */
export type Chunks = Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/** The input of a streamed call: chunks, or the whole input at once; `undefined` for an empty input. */
export type StreamInput = Chunks | Uint8Array | string | undefined;

/** One streamed call of a function. */
export interface StreamedInvocation {
  service: string;
  input: StreamInput;
  headers: HeaderOptions;
  /** Most bytes of one chunk, or of an input that is sent at once; `undefined` for no limit. */
  maxPayload: number | undefined;
}

/** What is known about a streamed call; it is updated while the call runs. */
export interface StreamProgress {
  attempts: number;
  /** The daemon's report. */
  daemonReport: Partial<DaemonReport>;
}

/**
 * Makes a streamed call and yields the chunks of its output. `limits.timeoutMs` limits how long nothing may move while the reader waits for
 * a chunk.
 *
 * @throws DcfError, whatever goes wrong; whatever the input's iterator throws
 */
export async function* streamChunks(
  channel: OpenChannel,
  { service, input, headers, maxPayload }: StreamedInvocation,
  limits: Limits,
  progress: StreamProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = sourceOf(input);
  const whole = source === undefined ? readInput(wholeOf(input), maxPayload) : undefined;
  const first = encodeStreamStart({ function: service, input: whole });
  const sent = callHeaders({ ...headers, lateStatus: true });
  const open = await retrying(channel, limits, retryNotStarted, () => openStream(channel, first, whole !== undefined, sent, limits));
  progress.attempts = open.attempts;
  const { call } = open.reply;
  const idle = new IdleTimer(limits.timeoutMs, () => call.cancel());
  let pump: InputPump | undefined;
  try {
    // The input may refuse to give an iterator, such as a stream that another reader has.
    if (source !== undefined) pump = new InputPump(call, source(), maxPayload, () => idle.touch());
    void pump?.run();
    yield* readChunks(open.reply, idle, maxPayload);
    const { failure, trailers } = await open.reply.ended;
    if (pump?.fault !== undefined) throw pump.fault;
    if (idle.passed)
      throw new DcfError('DEADLINE_EXCEEDED', `nothing moved on the stream for ${formatDuration(limits.timeoutMs)}, its timeout`);
    progress.daemonReport = parseReport((key) => trailer(trailers, key));
    if (failure !== undefined) throw errorOfFailure(failure, channel, limits, 'the call may have run in part');
  } finally {
    idle.stop();
    pump?.stop();
    call.cancel();
  }
}

async function* readChunks(
  { call }: OpenStream,
  idle: IdleTimer,
  maxPayload: number | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const limit = maxPayload ?? Number.POSITIVE_INFINITY;
  idle.wait();
  const messages = call[Symbol.asyncIterator]();
  try {
    for (let next = await nextOf(messages); next !== undefined; next = await nextOf(messages)) {
      idle.pause();
      const chunks = new ChunkReader(next, replyChunks);
      for (let chunk = readChunk(chunks); chunk !== undefined; chunk = readChunk(chunks)) {
        if (chunk.length > limit) throw tooLarge('output', chunk.length, limit);
        yield chunk;
      }
      idle.wait();
    }
  } finally {
    await messages.return?.();
  }
}

/** The next message; `undefined` at the end. The call's status says whether it failed. */
async function nextOf(messages: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  try {
    const { done, value } = await messages.next();
    return done === true ? undefined : value;
  } catch {
    return undefined;
  }
}

function readChunk(chunks: ChunkReader): Uint8Array | undefined {
  try {
    return chunks.next();
  } catch (error) {
    throw new DcfError('INTERNAL', `the daemon's reply cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** Makes the iterator of an input in chunks; `undefined` for an input that is sent at once. */
function sourceOf(input: StreamInput): (() => ChunkSource) | undefined {
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) return undefined;
  if (typeof input === 'object' && Symbol.asyncIterator in input) return () => input[Symbol.asyncIterator]();
  if (typeof input === 'object' && Symbol.iterator in input) return () => input[Symbol.iterator]();
  throw new DcfError('INVALID_ARGUMENT', 'the input of a stream must be bytes, a string, or an iterable of them');
}

function wholeOf(input: StreamInput): Uint8Array | string {
  return typeof input === 'string' || input instanceof Uint8Array ? input : '';
}

/** Limits how long nothing may move while the reader waits for a chunk. While the reader does not ask for one, no time counts. */
class IdleTimer {
  passed = false;
  #waiting = false;
  readonly #timer: NodeJS.Timeout;

  constructor(timeoutMs: number, onPassed: () => void) {
    this.#timer = setTimeout(() => {
      if (!this.#waiting) return;
      this.passed = true;
      onPassed();
    }, timeoutMs);
  }

  /** Starts the time: the reader waits for a chunk. */
  wait(): void {
    this.#waiting = true;
    this.#timer.refresh();
  }

  /** Starts the time again if it counts: something has moved. */
  touch(): void {
    if (this.#waiting) this.#timer.refresh();
  }

  /** Stops the time: the reader has a chunk. */
  pause(): void {
    this.#waiting = false;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
