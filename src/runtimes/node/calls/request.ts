import type { CallFunction, Request } from '@dcf/sdk';
import { DcfError, messageOf } from '../../../core/errors.js';
import { LinkedList, type ListNode } from '../../../core/linked-list.js';
import type { InputChunks } from './input-chunks.js';
import type { OutputChunks } from './output-chunks.js';

/** Calls another function for the call with this number. */
export type CallFor = (parent: number, ...request: Parameters<CallFunction>) => ReturnType<CallFunction>;

const noMetadata: Readonly<Record<string, string>> = Object.freeze({});

/** The latest time that a Date can hold, in Unix milliseconds: ECMAScript's limit. */
const never = 8.64e15;

/** One call as the Handler sees it. Properties that few Handlers use are made only when they are read. */
export class WorkerRequest implements Request, ListNode<WorkerRequest> {
  previous: WorkerRequest | undefined;
  next: WorkerRequest | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  private deadlineMs: number;
  private controller: AbortController | undefined;
  private cancelReason: DcfError | undefined;
  /** The input of a streamed call. */
  streamed: InputChunks | undefined;
  private reply: OutputChunks | undefined;
  private parsedQuery: URLSearchParams | undefined;

  /**
   * @param wireId - the call's number on the worker's stream
   * @param bytes - the input; empty for an input in chunks
   * @param timeoutMs - milliseconds until the deadline; 0 for no deadline
   * @param takesChunks - whether the caller accepts the reply in chunks
   * @param queryText - the query of the URL, without its "?"
   */
  constructor(
    readonly wireId: number,
    readonly id: string,
    private readonly bytes: Uint8Array,
    metadata: Readonly<Record<string, string>> | undefined,
    timeoutMs: number,
    private readonly callFor: CallFor,
    readonly takesChunks: boolean,
    private readonly queryText: string | undefined,
    readonly contentType: string | undefined,
  ) {
    this.metadata = metadata ?? noMetadata;
    this.deadlineMs = timeoutMs === 0 ? never : Date.now() + timeoutMs;
  }

  get query(): URLSearchParams {
    this.parsedQuery ??= new URLSearchParams(this.queryText);
    return this.parsedQuery;
  }

  get input(): Uint8Array {
    if (this.streamed === undefined) return this.bytes;
    throw new DcfError('INVALID_ARGUMENT', 'this call sends its input in chunks: the Handler has to read request.chunks instead');
  }

  get chunks(): AsyncIterable<Uint8Array> {
    return this.streamed ?? oneChunk(this.bytes);
  }

  get deadline(): Date {
    return new Date(this.deadlineMs);
  }

  /** Whether nobody waits for an answer any more. */
  get over(): boolean {
    return this.cancelReason !== undefined || Date.now() >= this.deadlineMs;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.cancelReason !== undefined) this.controller.abort(this.cancelReason);
    }
    return this.controller.signal;
  }

  /** Sets the reply in chunks, which is cancelled with the call. */
  replyWith(reply: OutputChunks): void {
    this.reply = reply;
    if (this.cancelReason !== undefined) reply.cancel(this.cancelReason);
  }

  /** Removes the deadline, as the reply is sent in chunks from now on: the daemon limits how long nothing may move. */
  beginStream(): void {
    this.deadlineMs = never;
  }

  /** Adds credit: the caller accepts this many more bytes of the reply. */
  grant(bytes: number): void {
    this.reply?.grant(bytes);
  }

  /** Ends the streams of a call that has been answered: code of the Handler that still runs gets no more chunks, and can send none. */
  close(): void {
    this.streamed?.fail(ended);
    this.reply?.cancel(ended);
  }

  text(): string {
    const { buffer, byteOffset, byteLength } = this.input;
    return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
  }

  json<T = unknown>(): T {
    const text = this.text();
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new DcfError('INVALID_ARGUMENT', `the input is not valid JSON: ${messageOf(error)}`);
    }
  }

  call(...request: Parameters<CallFunction>): ReturnType<CallFunction> {
    return this.callFor(this.wireId, ...request);
  }

  /** Cancels the call, as the caller gave up or the deadline passed: aborts the signal, and ends every wait for chunks. */
  cancel(): void {
    this.cancelReason = new DcfError('CANCELLED', 'the caller gave up or the deadline passed');
    this.controller?.abort(this.cancelReason);
    this.streamed?.fail(this.cancelReason);
    this.reply?.cancel(this.cancelReason);
  }
}

const ended = new DcfError('CANCELLED', 'the call has ended');

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** Calls of one worker, in order. */
export class RequestList extends LinkedList<WorkerRequest> {
  /** The call with this number on the worker's stream. */
  find(wireId: number): WorkerRequest | undefined {
    for (let request = this.first; request !== undefined; request = request.next) {
      if (request.wireId === wireId) return request;
    }
    return undefined;
  }
}
