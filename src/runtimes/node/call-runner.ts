import { AsyncLocalStorage, AsyncResource, executionAsyncId } from 'node:async_hooks';
import { performance } from 'node:perf_hooks';
import type { Handler } from '@dcf/sdk';
import { cutText, DcfError, messageOf } from '../../core/errors.js';
import { LinkedList } from '../../core/linked-list.js';
import type { Message } from '../../wire/messages.js';
import { handlerStack } from './handler-stack.js';
import { InputChunks } from './input-chunks.js';
import { OutputChunks } from './output-chunks.js';
import { chunksOf, replyBytes } from './reply.js';
import { type CallFor, WorkerRequest } from './request.js';

type CallMessage = Extract<Message, { type: 'CALL' }>;
type StreamMessage = Extract<Message, { type: 'DATA' | 'END' | 'CREDIT' }>;

export interface CallRunnerOptions {
  handler: Handler;
  /** Calls, or batches, in the Handler at the same time. */
  concurrency: number;
  /** Whether calls go to `callBatch`. */
  batches: boolean;
  /** Bytes of one output. */
  maxPayload: number;
  send: (message: Message) => void;
  callFor: CallFor;
  /** Calls `done` once the system has all that was sent. */
  handOver: (done: () => void) => void;
  /** Writes what was sent, without waiting for the turn's end. */
  flush: () => void;
  /** No call is left. */
  onIdle: () => void;
}

/** A header holds 64 KiB; message, stack and JSON's escapes have to fit. */
export const maxMessageLength = 4 * 1024;
export const maxStackLength = 8 * 1024;

/** After a call that blocked the thread for this long, what the daemon said meanwhile is read before the next one begins. */
const longRunMs = 1;

/** What `await` would wait for: also a promise of another library. */
function isThenable<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Runs the calls of one worker in its Handler, and answers each. */
export class CallRunner {
  private readonly running = new LinkedList<WorkerRequest>();
  /** Sent ahead, so that the Handler need not wait for the daemon between two calls; not started. */
  private readonly waiting = new LinkedList<WorkerRequest>();
  private readonly callIds = new AsyncLocalStorage<number>();
  private readonly concurrent: boolean;
  private collected: WorkerRequest[] = [];
  private reading = false;
  /** Of the call that was started last, and of the one before. */
  private lastId = 0;
  private previousId = 0;
  /** What was made before the last call began has a lower asynchronous id. */
  private lastMark = 0;

  constructor(private readonly options: CallRunnerOptions) {
    this.concurrent = options.concurrency > 1;
  }

  get idle(): boolean {
    return this.running.size === 0 && this.waiting.size === 0;
  }

  /**
   * The number of the call that a log line belongs to; 0 for none. With one call at a time there is no doubt whose line it
   * is, and no need to pay for asynchronous context.
   */
  get currentId(): number {
    if (this.concurrent) return this.callIds.getStore() ?? 0;
    return this.running.size === 1 ? (this.running.first?.wireId ?? 0) : 0;
  }

  /** The call that most likely left behind what has just failed outside any call. */
  get suspectId(): number {
    return this.madeEarlier ? this.previousId : this.currentId || this.lastId;
  }

  take({ id, requestId, body, metadata, timeoutMs, more, announce, streamIn, streamOut }: CallMessage): void {
    const { callFor, send } = this.options;
    const request = new WorkerRequest(id, requestId, body, metadata, timeoutMs, callFor, streamOut);
    if (streamIn) request.streamed = new InputChunks((bytes) => send({ type: 'CREDIT', id, bytes }));
    if (this.options.batches && !streamIn && !streamOut) {
      this.collected.push(request);
      if (more) return;
      const batch = this.collected;
      this.collected = [];
      this.runBatch(batch);
    } else if (!announce) {
      this.running.push(request);
      this.run(request);
    } else {
      this.waiting.push(request);
      this.startWaiting();
    }
  }

  /** A part of a stream; of a call that is over it is dropped, as it crossed its end. */
  takeStreamed(message: StreamMessage): void {
    const request = find(this.running, message.id);
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

  /** The caller gave up, or the deadline passed. A call that has not started never does. */
  cancel(id: number): void {
    const waiting = find(this.waiting, id);
    if (waiting === undefined) {
      find(this.running, id)?.cancel();
      return;
    }
    this.waiting.remove(waiting);
    this.answerError(waiting, new DcfError('CANCELLED', 'the caller gave up before the call began'));
    this.ended();
  }

  /** Gives a call back that has not started; of any other there is nothing to say. */
  recall(id: number): void {
    const waiting = find(this.waiting, id);
    if (waiting === undefined) return;
    this.waiting.remove(waiting);
    this.options.send({ type: 'RETURNED', id });
    this.ended();
  }

  /** Nobody waits for an answer any more. */
  cancelAll(): void {
    for (let request = this.waiting.shift(); request !== undefined; request = this.waiting.shift()) request.cancel();
    for (let request = this.running.first; request !== undefined; request = request.next) request.cancel();
  }

  /** Fails the call that is at fault for what was just thrown outside of it, unless it has ended when `graceMs` have passed. */
  failSuspectAfter(graceMs: number, error: DcfError): void {
    const suspects: WorkerRequest[] = [];
    const id = this.callIds.getStore();
    for (let request = this.running.first; request !== undefined; request = request.next) {
      if (!this.concurrent || request.wireId === id) suspects.push(request);
    }
    if (suspects.length === 0 || this.madeEarlier) return;
    setTimeout(() => {
      for (const request of suspects) this.fail(request, error);
    }, graceMs);
  }

  private startWaiting(): void {
    const { concurrency, send, handOver } = this.options;
    if (this.reading) return;
    while (this.running.size < concurrency) {
      const request = this.waiting.shift();
      if (request === undefined) return;
      if (request.over) {
        this.answerError(request, new DcfError('DEADLINE_EXCEEDED', 'the deadline passed before the call began'));
        continue;
      }
      this.running.push(request);
      send({ type: 'STARTED', id: request.wireId });
      // Were the process to end in the Handler before the daemon could know, the call would be started twice.
      handOver(() => this.run(request));
    }
  }

  private run(request: WorkerRequest): void {
    const { handler } = this.options;
    this.begin(request.wireId);
    const started = performance.now();
    try {
      const reply = this.concurrent ? this.callIds.run(request.wireId, () => handler.call(request)) : handler.call(request);
      // A reply that is there already is sent in this turn.
      if (isThenable(reply))
        Promise.resolve(reply)
          .then((later) => this.reply(request, later))
          .catch((error: unknown) => this.fail(request, error));
      else this.reply(request, reply, started);
    } catch (error) {
      this.fail(request, error, started);
    }
  }

  private begin(id: number): void {
    this.previousId = this.lastId;
    this.lastId = id;
    if (!this.concurrent) this.lastMark = new AsyncResource('DCF_CALL').asyncId();
  }

  /**
   * Whether what is executed now, such as a timer, was made before the last call began: then that call is not to blame for it.
   * Promises have no such id.
   */
  private get madeEarlier(): boolean {
    const id = executionAsyncId();
    return !this.concurrent && id > 0 && id < this.lastMark;
  }

  private runBatch(batch: readonly WorkerRequest[]): void {
    for (const request of batch) this.running.push(request);
    const [first] = batch;
    const id = batch.length === 1 ? (first?.wireId ?? 0) : 0;
    this.begin(id);
    this.callIds
      .run(id, async () => this.options.handler.callBatch?.(batch))
      .then((replies) => this.answerBatch(batch, replies))
      .catch((error: unknown) => {
        for (const request of batch) this.fail(request, error);
      });
  }

  private answerBatch(batch: readonly WorkerRequest[], replies: unknown): void {
    if (!Array.isArray(replies) || replies.length !== batch.length) {
      const found = Array.isArray(replies) ? `${replies.length} replies` : `${replies === null ? 'null' : `a ${typeof replies}`}`;
      throw new DcfError('INTERNAL', `callBatch returned ${found} for ${batch.length} requests; it must return a list with one for each`);
    }
    batch.forEach((request, index) => {
      const reply: unknown = replies[index];
      try {
        if (reply instanceof Error) this.fail(request, reply);
        else this.reply(request, reply);
      } catch (error) {
        this.fail(request, error);
      }
    });
  }

  /** Throws when the reply is none, or too large. */
  private reply(request: WorkerRequest, reply: unknown, started?: number): void {
    const source = chunksOf(reply);
    if (source === undefined) {
      this.succeed(request, reply, started);
      return;
    }
    const chunks = new OutputChunks(source, this.options.maxPayload);
    request.replyWith(chunks);
    // The Handler's code runs with each chunk, and its log lines belong to the call.
    if (this.concurrent) void this.callIds.run(request.wireId, () => this.replyInChunks(request, chunks));
    else void this.replyInChunks(request, chunks);
  }

  private async replyInChunks(request: WorkerRequest, chunks: OutputChunks): Promise<void> {
    const { send, flush } = this.options;
    const id = request.wireId;
    try {
      if (!request.takesChunks) {
        this.succeed(request, await chunks.join());
        return;
      }
      await chunks.sendTo({ send: (body) => send({ type: 'DATA', id, body }), flush });
      if (!this.running.remove(request)) return;
      send({ type: 'END', id });
      request.close();
      this.ended();
    } catch (error) {
      this.fail(request, error);
    }
  }

  private succeed(request: WorkerRequest, reply: unknown, started?: number): void {
    const body = replyBytes(reply);
    const { maxPayload, send } = this.options;
    if (body.length > maxPayload) {
      throw new DcfError('RESOURCE_EXHAUSTED', `the reply has ${body.length} bytes; limits.payload is ${maxPayload}`);
    }
    if (!this.running.remove(request)) return;
    send({ type: 'RESULT', id: request.wireId, body });
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
    const { code, reason } = DcfError.is(error) ? error : { code: 'UNKNOWN' as const, reason: undefined };
    const message = cutText(messageOf(error), maxMessageLength);
    this.options.send({ type: 'ERROR', id: request.wireId, code, message, stack: cutText(handlerStack(error), maxStackLength), reason });
  }

  private ended(started?: number): void {
    if (started !== undefined && performance.now() - started > longRunMs) this.readFirst();
    if (this.waiting.size > 0) this.startWaiting();
    else if (this.running.size === 0) this.options.onIdle();
  }

  /** Has what came while the thread was blocked read before another call begins: it may have been cancelled. */
  private readFirst(): void {
    if (this.reading) return;
    this.reading = true;
    // The first immediate comes before the stream's turn, the second after.
    setImmediate(() =>
      setImmediate(() => {
        this.reading = false;
        this.startWaiting();
      }),
    );
  }
}

function find(list: LinkedList<WorkerRequest>, id: number): WorkerRequest | undefined {
  for (let request = list.first; request !== undefined; request = request.next) {
    if (request.wireId === id) return request;
  }
  return undefined;
}
