import { randomUUID } from 'node:crypto';
import type { InProcessOptions, TestAnswer, TestCallOptions, TestedFunction } from '@dcf/sdk/testing';
import { readTimeout } from '@dcf/sdk/timeout';
import { DcfError, PayloadTooLarge } from '../../../core/errors.js';
import type { Message } from '../../../wire/messages.js';
import { HandlerHost } from '../handler-host.js';
import { buildHandler, findHandler, loadHandler } from '../load-handler.js';
import { InProcessCall } from './in-process-call.js';

type Input = Uint8Array | string;
type StreamedInput = AsyncIterable<Input> | Iterable<Input>;

/**
 * Builds a Handler in this process, to be called by a test as a worker calls it. Messages are passed by function calls, and not through a
 * stream.
 *
 * @throws DcfError FAILED_PRECONDITION when there is no Handler; whatever the Handler throws while it is built
 */
export async function startInProcess(options: InProcessOptions): Promise<TestedFunction> {
  const tested = new InProcess(options);
  await tested.build();
  return {
    call: (input = '', given = {}) => tested.call(input, given),
    callBatch: (inputs, given = {}) => tested.callBatch(inputs, given),
    stream: (input, given = {}) => tested.stream(input, given),
    close: () => tested.close(),
  };
}

class InProcess {
  private readonly host: HandlerHost;
  /** The calls that run, by number. Nested calls have numbers of their own. */
  private readonly calls = new Map<number, InProcessCall>();
  private readonly waiting: (() => void)[] = [];
  private lastId = 0;
  private free: number;
  private batches = false;
  private closed = false;

  constructor(private readonly options: InProcessOptions) {
    const { function: name, parameters, resources, providers, devices, concurrency, maxBatch, maxPayload, onLog } = options;
    this.free = concurrency;
    const init = {
      function: name,
      revision: 'test',
      worker: 0,
      parameters,
      resources,
      providers,
      devices,
      concurrency,
      maxBatch,
      maxPayload,
    };
    this.host = new HandlerHost(init, {
      send: (message) => this.take(message),
      handOver: (done) => setImmediate(done),
      flush: () => undefined,
      log: (level, text) => onLog(level, text),
      onIdle: () => undefined,
    });
  }

  async build(): Promise<void> {
    const { handler } = this.options;
    const { callBatch } = await this.host.build(async (context) => {
      if (handler.kind === 'file') return await loadHandler(handler.directory, handler, context);
      const named = { path: 'what was given', name: 'Handler' };
      return await buildHandler(findHandler({ Handler: handler.value }, named), named, context);
    });
    this.batches = callBatch;
  }

  async call(input: Input, options: TestCallOptions): Promise<TestAnswer> {
    return await (await this.begin(input, options, { more: false })).answer;
  }

  async callBatch(inputs: readonly Input[], options: TestCallOptions): Promise<PromiseSettledResult<TestAnswer>[]> {
    if (!this.batches) return await Promise.allSettled(inputs.map((input) => this.call(input, options)));
    const timeoutMs = this.timeoutOf(options);
    // An input that is too long is not in the batch, and fails its own call alone.
    const bodies = await Promise.allSettled(inputs.map(async (input) => this.readInput(input)));
    const last = bodies.findLastIndex(({ status }) => status === 'fulfilled');
    if (last !== -1) await this.slot();
    const answers = bodies.map(async (body, index) => {
      if (body.status === 'rejected') throw body.reason;
      return await this.start(body.value, timeoutMs, options, { more: index < last, slot: index === last }).answer;
    });
    return await Promise.allSettled(answers);
  }

  async *stream(input: Input | StreamedInput, options: TestCallOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const chunks = typeof input === 'string' || input instanceof Uint8Array ? undefined : input;
    const whole = typeof input === 'string' || input instanceof Uint8Array ? input : '';
    const call = await this.begin(whole, options, { more: false, streamIn: chunks !== undefined, streamOut: true });
    if (chunks !== undefined) void call.pump(this.bytesOf(chunks));
    yield* call.chunks();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const refuse of this.waiting.splice(0)) refuse();
    const calls = [...this.calls.values()];
    for (const call of calls) call.cancel(new DcfError('CANCELLED', 'the function was closed'));
    await Promise.all(calls.map((call) => call.ended));
    await this.host.close();
  }

  private async begin(
    input: Input,
    options: TestCallOptions,
    how: { more: boolean; streamIn?: boolean; streamOut?: boolean },
  ): Promise<InProcessCall> {
    const body = this.readInput(input);
    const timeoutMs = this.timeoutOf(options);
    await this.slot();
    return this.start(body, timeoutMs, options, { ...how, slot: true });
  }

  private start(
    body: Uint8Array,
    timeoutMs: number,
    { metadata, signal, id: requestId = randomUUID(), query, contentType }: TestCallOptions,
    { more, slot, streamIn = false, streamOut = false }: { more: boolean; slot: boolean; streamIn?: boolean; streamOut?: boolean },
  ): InProcessCall {
    this.lastId += 1;
    const id = this.lastId;
    const call = new InProcessCall({
      id,
      timeoutMs,
      signal,
      streamed: streamIn || streamOut,
      send: (message) => this.host.receive(message),
    });
    this.calls.set(id, call);
    void call.ended.then(() => {
      this.calls.delete(id);
      if (slot) this.release();
    });
    const limitMs = streamOut ? 0 : Math.ceil(timeoutMs);
    this.host.receive({
      type: 'CALL',
      id,
      timeoutMs: limitMs,
      more,
      announce: false,
      streamIn,
      streamOut,
      requestId,
      metadata,
      query,
      contentType,
      body,
    });
    return call;
  }

  private timeoutOf({ timeout }: TestCallOptions): number {
    return readTimeout(timeout, this.options.timeoutMs);
  }

  /** Resolves with one of the Handler's slots, which `release` gives back. Rejects once the function is closed. */
  private async slot(): Promise<void> {
    if (!this.closed && this.free > 0) {
      this.free -= 1;
      return;
    }
    if (!this.closed) await new Promise<void>((begin) => this.waiting.push(begin));
    if (this.closed) throw new DcfError('FAILED_PRECONDITION', 'the function was closed');
  }

  private release(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free += 1;
    else next();
  }

  private readInput(input: Input, what: 'input' | 'chunk' = 'input'): Uint8Array {
    const bytes = typeof input === 'string' ? Buffer.from(input) : input;
    const { maxPayload, function: name } = this.options;
    if (bytes.length > maxPayload) throw new PayloadTooLarge(`${bytes.length} bytes`, name, maxPayload, what);
    return bytes;
  }

  private async *bytesOf(chunks: StreamedInput): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) yield this.readInput(chunk, 'chunk');
  }

  /** Receives a message from the Handler's side. */
  private take(message: Message): void {
    // Not at once: the Handler's side notes a nested call only after it has sent it.
    if (message.type === 'NESTED_CALL') setImmediate(() => void this.answerNested(message));
    else if ('id' in message) this.calls.get(message.id)?.take(message);
  }

  private async answerNested({ id, function: name, alias, metadata, body }: Extract<Message, { type: 'NESTED_CALL' }>): Promise<void> {
    try {
      const fake = this.options.functions[name];
      if (fake === undefined) {
        const known = Object.keys(this.options.functions).join(', ') || 'none';
        throw new DcfError('NOT_FOUND', `there is no function ${name} in this test; the option "functions" has: ${known}`);
      }
      const output = await fake(body, { alias, metadata });
      this.host.receive({ type: 'RESULT', id, body: typeof output === 'string' ? Buffer.from(output) : output });
    } catch (error) {
      const { code, message, reason } = DcfError.from(error, 'UNKNOWN');
      this.host.receive({ type: 'ERROR', id, code, message: `${name}: ${message}`, stack: '', reason });
    }
  }
}
