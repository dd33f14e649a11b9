/** A value that JSON can represent. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue | undefined };

/** An array of numbers, which becomes a list in JSON. 64-bit integers must be safe integers (`Number.isSafeInteger`). */
export type NumberArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A value that a reply can have as JSON: JSON's own values, and values that can be converted without a loss. Numbers must be finite, and
 * bigints must be safe integers.
 */
export type JsonReply =
  | string
  | number
  | boolean
  | null
  | bigint
  | Date
  | NumberArray
  | { toJSON(): unknown }
  | { tolist(): unknown }
  | readonly JsonReply[]
  | { readonly [key: string]: JsonReply | undefined };

/** A part of a streamed reply: bytes, or text. The Handler must not change its bytes afterwards, as they may not have been sent yet. */
export type Chunk = Uint8Array | ArrayBuffer | string;

/**
 * What a Handler may return:
 *
 * - bytes (`Uint8Array`, `Buffer`, `ArrayBuffer`), which are sent unchanged;
 * - a string, which is sent as UTF-8;
 * - an async iterable or a generator of bytes or strings, which is sent in chunks. A caller that wants one output gets them joined;
 * - a `Response`, which also chooses status and headers for callers over HTTP. For callers over gRPC its body is the output, and a status
 *   of 400 or above becomes an error with the matching code (docs/status-codes.md);
 * - anything else, which is sent as JSON.
 */
export type Reply = Response | Uint8Array | ArrayBuffer | JsonReply | AsyncIterable<Chunk> | IterableIterator<Chunk>;

/** The level of an entry in the function's log. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes to the function's log, formatted as `console.log` formats. An entry that is made during a call carries the call's id. */
export type Logger = Readonly<Record<LogLevel, (...values: unknown[]) => void>>;

/** One call, as the Handler sees it. */
export interface Request {
  /** The call's id: the one that the caller gave, or else one that the daemon made. */
  readonly id: string;
  /**
   * The input in bytes; empty if the caller sent none. The Handler may keep and change them.
   *
   * @throws DcfError INVALID_ARGUMENT when the caller sends the input in chunks
   */
  readonly input: Uint8Array;
  /**
   * The input in chunks, as they arrive. An input that was sent at once is one chunk. The chunks can be read only once, one at a time.
   * Reading rejects with a DcfError CANCELLED when the caller gives up or the deadline passes.
   *
   * @example
   * let length = 0;
   * for await (const chunk of request.chunks) length += chunk.length;
   */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The metadata of the call, by key in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * The query of the URL, without `revision`, which chooses the revision. For callers over gRPC, the query in their metadata `dcf-query`.
   */
  readonly query: URLSearchParams;
  /** The content type that the caller gave the input, over gRPC in the metadata `dcf-content-type`; `undefined` if it gave none. */
  readonly contentType: string | undefined;
  /** The time at which the caller stops waiting. For a stream without a deadline it is the latest time that a Date can hold. */
  readonly deadline: Date;
  /** Aborts when the caller gives up or the deadline passes. */
  readonly signal: AbortSignal;
  /** The input as UTF-8 text. @throws DcfError INVALID_ARGUMENT when the caller sends the input in chunks */
  text(): string;
  /**
   * The input, parsed as JSON. The type parameter is not checked.
   *
   * @throws DcfError INVALID_ARGUMENT when the input is not valid JSON, or the caller sends it in chunks
   */
  json<T = unknown>(): T;
  /** Calls another function on behalf of this request. */
  readonly call: CallFunction;
}

/** What a Handler is built with. Each worker has its own. */
export interface Context {
  /** The function's name. */
  readonly function: string;
  /** The id of the revision that runs: 16 hexadecimal digits. */
  readonly revision: string;
  /** The manifest's `parameters`, with the changes that `--set` made. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Absolute paths of the manifest's `resources`, by name. */
  readonly resources: Readonly<Record<string, string>>;
  /** Writes to the function's log. */
  readonly logger: Logger;
  /** The execution providers that an inference session may use here, such as `cuda` and `cpu`, best first. */
  readonly providers: readonly string[];
  /** The GPUs that this replica may use; empty on a host without any. */
  readonly devices: readonly string[];
  /** The number of this worker in its replica, from 0. */
  readonly worker: number;
  /**
   * Calls another function on behalf of the request that is running. In `callBatch`, and in code that goes on after a reply, it is unknown
   * which request that is: use `request.call` there.
   */
  readonly call: CallFunction;
}

/**
 * The class that a function exports. It is built once for each worker, and then called many times.
 *
 * @example
 * export class Handler {
 *   readonly #greeting: string;
 *
 *   constructor(context: Context) {
 *     this.#greeting = String(context.parameters['greeting']);
 *   }
 *
 *   call(request: Request): string {
 *     return `${this.#greeting}, ${request.text()}!`;
 *   }
 * }
 */
export interface Handler {
  /**
   * Prepares the Handler, for example loads a model. Called once after the constructor and before any call, within the manifest's
   * `initTimeout`. If it throws or rejects, the replica does not start, and a deploy fails.
   *
   * @param context - the one that the constructor gets, for a Handler that is an object and not a class
   *
   * @example
   * async init(context: Context): Promise<void> {
   *   this.#session = await createSession(context.resources['model'] ?? '');
   * }
   */
  init?(context: Context): void | Promise<void>;
  /**
   * Answers one call. At most `concurrency` calls (of the manifest) run in a Handler at the same time.
   *
   * @returns the reply, or a promise of it
   * @throws a DcfError to choose the status code that the caller gets, or any other error for UNKNOWN. The caller gets its message. With
   *   UNKNOWN and INTERNAL its stack is written to the function's log
   */
  call(request: Request): Reply | Promise<Reply>;
  /**
   * Answers a batch of calls. It is used in place of `call` if the manifest's `batch.maxSize` is above 1, also for a batch of one. Streamed
   * calls go to `call`.
   *
   * @returns one reply for each request, in their order. An Error in place of a reply fails that call alone
   * @throws whatever fails all calls of the batch
   */
  callBatch?(requests: readonly Request[]): readonly (Reply | Error)[] | Promise<readonly (Reply | Error)[]>;
  /** Releases what the Handler holds. Called once when its replica stops, after the last call. What it throws is logged. */
  close?(): void | Promise<void>;
}

/** The class that the file in the manifest's `handler` must export, by default under the name `Handler`. */
export type HandlerClass = new (context: Context) => Handler;

/** Options for a call of another function. */
export interface NestedCallOptions {
  /** The alias or revision to call. @default the active revision */
  alias?: string | undefined;
  /**
   * The longest time to wait: milliseconds, or a text such as `'5s'`. It never extends the deadline of the request.
   *
   * @default what is left of the request's deadline
   */
  timeout?: string | number | undefined;
  /** Metadata to add to the request's own; a key that both have gets this value. @default none */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** Cancels the call when it aborts. */
  signal?: AbortSignal | undefined;
}

/**
 * Calls another function of the same daemon on behalf of a request, and resolves with its output. The call gets the request's id, metadata
 * and deadline, and is cancelled with it.
 *
 * @param name - the function's name
 * @param input - bytes, or a string that is sent as UTF-8. Bytes must not be changed until the call is answered
 * @throws DcfError with the code that the other function failed with, and its message after its name; FAILED_PRECONDITION outside of a
 *   request (in the constructor, `init` or `close`), and for a chain of more than 16 nested calls; ABORTED for a deadlock: the call would
 *   wait for a slot that only calls waiting for it could free; RESOURCE_EXHAUSTED for an input over `limits.payload` of either function
 *
 * @example
 * const picture = await request.call('resize', request.input, { timeout: '2s' });
 */
export type CallFunction = (name: string, input: Uint8Array | string, options?: NestedCallOptions) => Promise<Uint8Array>;
