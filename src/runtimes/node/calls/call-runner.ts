import { performance } from 'node:perf_hooks';
import type { Handler } from '@dcf/sdk';
import { DcfError } from '../../../core/errors.js';
import type { Message } from '../../../wire/messages.js';
import type { ReplyHead, ReplyKind } from '../../../wire/reply-head.js';
import { Batches } from './batches.js';
import { CallsAhead } from './calls-ahead.js';
import { CurrentCall } from './current-call.js';
import { codeAndReason, describeFailure } from './failure.js';
import { InputChunks } from './input-chunks.js';
import { OutputChunks } from './output-chunks.js';
import { chunksOf, kindOf, replyBytes } from './reply.js';
import { type CallFor, RequestList, WorkerRequest } from './request.js';
import { readResponse } from './response.js';

type CallMessage = Extract<Message, { type: 'CALL' }>;
type StreamMessage = Extract<Message, { type: 'DATA' | 'END' | 'CREDIT' }>;

export interface CallRunnerOptions {
  handler: Handler;
  /** How many calls, or batches, may be in the Handler at the same time. */
  concurrency: number;
  /** Whether calls go to `callBatch`. */
  batches: boolean;
  /** Most bytes of one output. */
  maxPayload: number;
  send: (message: Message) => void;
  callFor: CallFor;
  /** Calls `done` once the system has accepted everything that was sent. */
  handOver: (done: () => void) => void;
  /** Writes what was sent at once, not only at the end of the turn of the event loop. */
  flush: () => void;
  /** Called when no call is left. */
  onIdle: () => void;
}

/** After a call that blocked the thread for this long, in milliseconds, the daemon's messages are read before the next call begins. */
const longRunMs = 1;

/** Whether `await` would wait for the value: true also for promises of other libraries. */
function isThenable<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Runs the calls of one worker in its Handler, and answers each. */
export class CallRunner {
  readonly current: CurrentCall;
  private readonly running = new RequestList();
  private readonly ahead = new CallsAhead(() => this.startAhead());
  private readonly batches: Batches;

  constructor(private readonly options: CallRunnerOptions) {
    this.current = new CurrentCall(options.concurrency, this.running);
    this.batches = new Batches(options.handler);
  }

  /** Whether there is no call, neither running nor sent ahead. */
  get idle(): boolean {
    return this.running.size === 0 && this.ahead.size === 0;
  }

  /** Accepts a call: runs it, adds it to a batch, or keeps it until a slot is free (a call that was sent ahead). */
  take({
    id,
    requestId,
    body,
    metadata,
    timeoutMs,
    more,
    announce,
    streamIn,
    streamOut,
    mayStream = false,
    query,
    contentType,
  }: CallMessage): void {
    const { callFor, send } = this.options;
    const takesChunks = streamOut || mayStream;
    const request = new WorkerRequest(id, requestId, body, metadata, timeoutMs, callFor, takesChunks, query, contentType);
    if (streamIn) request.streamed = new InputChunks((bytes) => send({ type: 'CREDIT', id, bytes }));
    if (this.options.batches && !streamIn && !streamOut) {
      const batch = this.batches.gather(request, more);
      if (batch !== undefined) this.runBatch(batch);
    } else if (!announce) {
      this.running.push(request);
      this.run(request);
    } else {
      this.ahead.push(request);
      this.startAhead();
    }
  }

  /** Accepts a part of a stream. A part for a call that has ended is dropped: it was sent before the daemon knew of the end. */
  takeStreamed(message: StreamMessage): void {
    const request = this.running.find(message.id);
    switch (message.type) {
      case 'DATA':
        request?.streamed?.push(message.body);
        return;
      case 'END':
        request?.streamed?.end();
        return;
      case 'CREDIT':
        request?.grant(message.bytes);
        return;
      default:
        message satisfies never;
    }
  }

  /** Cancels a call whose caller gave up or whose deadline passed. A call that has not begun is answered and never begins. */
  cancel(id: number): void {
    const ahead = this.ahead.take(id);
    if (ahead === undefined) {
      this.running.find(id)?.cancel();
      return;
    }
    this.answerError(ahead, new DcfError('CANCELLED', 'the caller gave up before the call began'));
    this.ended();
  }

  /** Returns a call to the daemon if it has not begun; otherwise does nothing. */
  recall(id: number): void {
    if (this.ahead.take(id) === undefined) return;
    this.options.send({ type: 'RETURNED', id });
    this.ended();
  }

  /** Cancels every call: the daemon is gone, and nobody waits for an answer. */
  cancelAll(): void {
    this.ahead.cancelAll();
    for (let request = this.running.first; request !== undefined; request = request.next) request.cancel();
  }

  /**
   * Fails the calls that may wait for ever for what has just thrown an uncaught exception, unless they end within the grace.
   *
   * @param graceMs - milliseconds
   */
  failSuspectAfter(graceMs: number, error: DcfError): void {
    const { suspects } = this.current;
    if (suspects.length === 0) return;
    setTimeout(() => {
      for (const request of suspects) this.fail(request, error);
    }, graceMs);
  }

  private startAhead(): void {
    const { concurrency, send, handOver } = this.options;
    while (this.running.size < concurrency) {
      const request = this.ahead.next();
      if (request === undefined) return;
      if (request.over) {
        this.answerError(request, new DcfError('DEADLINE_EXCEEDED', 'the deadline passed before the call began'));
        continue;
      }
      this.running.push(request);
      send({ type: 'STARTED', id: request.wireId });
      // The daemon has to know before the Handler runs: if the process ended in it, the call would be started a second time.
      handOver(() => this.run(request));
    }
  }

  private run(request: WorkerRequest): void {
    const { handler } = this.options;
    this.current.begin(request.wireId);
    const started = performance.now();
    try {
      const reply = this.current.tracked ? this.current.run(request.wireId, () => handler.call(request)) : handler.call(request);
      // A reply that is not a promise is sent in this turn of the event loop.
      if (isThenable(reply))
        Promise.resolve(reply)
          .then((later) => this.reply(request, later))
          .catch((error: unknown) => this.fail(request, error));
      else this.reply(request, reply, started);
    } catch (error) {
      this.fail(request, error, started);
    }
  }

  private runBatch(batch: readonly WorkerRequest[]): void {
    for (const request of batch) this.running.push(request);
    const [first] = batch;
    const id = batch.length === 1 ? (first?.wireId ?? 0) : 0;
    this.current.begin(id);
    this.current
      .run(id, () => this.batches.call(batch))
      .then((replies) => this.answerBatch(batch, replies))
      .catch((error: unknown) => {
        for (const request of batch) this.fail(request, error);
      });
  }

  private answerBatch(batch: readonly WorkerRequest[], replies: readonly unknown[]): void {
    batch.forEach((request, index) => {
      const reply = replies[index];
      try {
        if (reply instanceof Error) this.fail(request, reply);
        else this.reply(request, reply);
      } catch (error) {
        this.fail(request, error);
      }
    });
  }

  /** Answers a call with the Handler's reply. @throws DcfError when the reply cannot be sent or is too large */
  private reply(request: WorkerRequest, reply: unknown, started?: number): void {
    if (typeof reply !== 'object' || reply instanceof Uint8Array) {
      this.succeed(request, kindOf(reply), replyBytes(reply), started);
      return;
    }
    const response = readResponse(reply);
    const source = response?.body ?? chunksOf(reply);
    if (source === undefined) {
      this.succeed(request, kindOf(reply), replyBytes(reply), started);
      return;
    }
    const chunks = new OutputChunks(source, this.options.maxPayload);
    request.replyWith(chunks);
    // The Handler's code runs for each chunk, and what it logs belongs to the call.
    if (this.current.tracked) void this.current.run(request.wireId, () => this.replyInChunks(request, chunks, response?.head));
    else void this.replyInChunks(request, chunks, response?.head);
  }

  private async replyInChunks(request: WorkerRequest, chunks: OutputChunks, head: ReplyHead | undefined): Promise<void> {
    const { send, flush } = this.options;
    const id = request.wireId;
    try {
      if (!request.takesChunks) {
        const { bytes, kind } = await chunks.join();
        this.succeed(request, kind, bytes, undefined, head);
        return;
      }
      const whole = head === undefined ? undefined : await chunks.whole();
      if (whole !== undefined) {
        this.succeed(request, 'bytes', whole, undefined, head);
        return;
      }
      request.beginStream();
      if (head !== undefined) send({ type: 'REPLY_HEAD', id, head });
      await chunks.sendTo({ send: (body, kind) => send({ type: 'DATA', id, kind, body }), flush });
      if (!this.running.remove(request)) return;
      send({ type: 'END', id });
      request.close();
      this.ended();
    } catch (error) {
      this.fail(request, error);
    }
  }

  private succeed(request: WorkerRequest, kind: ReplyKind, body: Uint8Array, started?: number, head?: ReplyHead): void {
    const { maxPayload, send } = this.options;
    if (body.length > maxPayload) {
      throw new DcfError('RESOURCE_EXHAUSTED', `the reply has ${body.length} bytes; limits.payload is ${maxPayload}`);
    }
    if (!this.running.remove(request)) return;
    if (head !== undefined) send({ type: 'REPLY_HEAD', id: request.wireId, head });
    send({ type: 'RESULT', id: request.wireId, kind, body });
    request.close();
    this.ended(started);
  }

  private fail(request: WorkerRequest, error: unknown, started?: number): void {
    if (!this.running.remove(request)) return;
    this.answerError(request, error);
    request.close();
    this.ended(started);
  }

  private answerError(request: WorkerRequest, error: unknown): void {
    this.options.send({ type: 'ERROR', id: request.wireId, ...codeAndReason(error), ...describeFailure(error) });
  }

  private ended(started?: number): void {
    if (started !== undefined && performance.now() - started > longRunMs) this.ahead.readFirst();
    if (this.ahead.size > 0) this.startAhead();
    else if (this.running.size === 0) this.options.onIdle();
  }
}
