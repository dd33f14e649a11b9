import type { TestAnswer } from '@dcf/sdk/testing';
import { startTimer } from '../../../core/deadline.js';
import { DcfError } from '../../../core/errors.js';
import { type Deferred, defer } from '../../../core/promises.js';
import { SendCredit } from '../../../wire/credit.js';
import { chunkCost, type Message } from '../../../wire/messages.js';
import type { ReplyHead } from '../../../wire/reply-head.js';

export interface InProcessCallOptions {
  id: number;
  timeoutMs: number;
  signal: AbortSignal | undefined;
  /** Whether the call is streamed: its timeout then limits how long nothing may move. */
  streamed: boolean;
  /** Sends a message to the Handler's side. */
  send: (message: Message) => void;
}

const plainHead: ReplyHead = { status: 200, headers: [] };

/** The caller's side of a call of a Handler in this process. */
export class InProcessCall {
  private readonly answered = defer<TestAnswer>();
  private readonly left = defer<void>();
  private readonly credit = new SendCredit();
  private readonly waiting: Uint8Array[] = [];
  private head = plainHead;
  private granted: Deferred<void> | undefined;
  private arrived: Deferred<void> | undefined;
  private error: DcfError | undefined;
  private over = false;
  private stopTimer: () => void;

  constructor(private readonly options: InProcessCallOptions) {
    // The reader of a streamed call gets its error with the next chunk, and not here.
    this.answered.promise.catch(() => undefined);
    this.stopTimer = this.startTimer();
    const { signal } = options;
    if (signal?.aborted === true) queueMicrotask(this.abort);
    else signal?.addEventListener('abort', this.abort, { once: true });
  }

  /** The answer. Rejects with the error that the caller gets. */
  get answer(): Promise<TestAnswer> {
    return this.answered.promise;
  }

  /** Resolves when the Handler has ended the call. */
  get ended(): Promise<void> {
    return this.left.promise;
  }

  /** Receives a message from the Handler's side. */
  take(message: Message): void {
    switch (message.type) {
      case 'REPLY_HEAD':
        this.head = message.head;
        return;
      case 'DATA':
        this.moved();
        this.push(message.body);
        return;
      case 'CREDIT':
        this.moved();
        this.credit.grant(message.bytes);
        this.granted?.resolve();
        return;
      case 'RESULT':
        this.push(message.body);
        this.answered.resolve(answerOf(message.body, message.kind ?? 'bytes', this.head));
        this.end();
        return;
      case 'ERROR': {
        const { code, message: text, stack, reason } = message;
        // The caller gets the message. The stack is for people who read the test's output.
        const cause = stack === '' ? undefined : Object.assign(new Error(text), { stack });
        this.fail(new DcfError(code, text, { reason, cause }));
        this.end();
        return;
      }
      case 'END':
        this.end();
        return;
      default:
    }
  }

  /** Ends the call for its caller with an error, and tells the Handler. */
  cancel(error: DcfError): void {
    if (this.over) return;
    this.fail(error);
    this.options.send({ type: 'CANCEL', id: this.options.id });
  }

  /** Sends chunks as fast as the Handler reads them. An error of their source ends the call. */
  async pump(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { id, send } = this.options;
    try {
      for await (const body of chunks) {
        while (!this.credit.open && !this.done) {
          this.granted = defer();
          await this.granted.promise;
        }
        if (this.done) return;
        this.credit.spend(body.length);
        this.moved();
        send({ type: 'DATA', id, body });
      }
      if (!this.done) send({ type: 'END', id });
    } catch (error) {
      this.cancel(DcfError.from(error, 'CANCELLED'));
    }
  }

  /** The chunks of the output. Throws the error that the caller gets, after the chunks before it. */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const chunk = this.waiting.shift();
        if (chunk !== undefined) {
          yield chunk;
          if (!this.over) this.options.send({ type: 'CREDIT', id: this.options.id, bytes: chunk.length + chunkCost });
        } else if (this.error !== undefined) throw this.error;
        else if (this.over) return;
        else {
          this.arrived = defer();
          await this.arrived.promise;
        }
      }
    } finally {
      this.cancel(new DcfError('CANCELLED', 'the caller gave up'));
    }
  }

  private get done(): boolean {
    return this.over || this.error !== undefined;
  }

  private readonly abort = (): void => this.cancel(new DcfError('CANCELLED', 'the caller gave up'));

  private push(chunk: Uint8Array): void {
    this.waiting.push(chunk);
    this.arrived?.resolve();
  }

  private fail(error: DcfError): void {
    this.error ??= error;
    this.answered.reject(this.error);
    this.arrived?.resolve();
    this.granted?.resolve();
  }

  private end(): void {
    this.over = true;
    this.stopTimer();
    this.options.signal?.removeEventListener('abort', this.abort);
    this.arrived?.resolve();
    this.granted?.resolve();
    this.left.resolve();
  }

  /** Starts the timeout of a stream again: something has moved. */
  private moved(): void {
    if (!this.options.streamed || this.over) return;
    this.stopTimer();
    this.stopTimer = this.startTimer();
  }

  private startTimer(): () => void {
    const { timeoutMs, streamed } = this.options;
    const what = streamed
      ? `nothing moved on the stream in either direction for ${timeoutMs} ms, its timeout`
      : `the deadline passed in the Handler, after ${timeoutMs} ms`;
    return startTimer(timeoutMs, () => this.cancel(new DcfError('DEADLINE_EXCEEDED', what)));
  }
}

function answerOf(body: Uint8Array, kind: TestAnswer['kind'], { status, headers }: ReplyHead): TestAnswer {
  const text = (): string => Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return { output: body, kind, status, headers, text, json: () => JSON.parse(text()) };
}
