/** A value that JSON can write. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue | undefined };

/** Numbers that JSON has as a list. Those of 64 bits have to be safe integers. */
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

/** What JSON is made of in a reply: JSON's own values, and what becomes one without a loss. Numbers are finite, bigints safe integers. */
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

/** A part of a streamed reply. Its bytes are not to be written to any more: they may not have been sent yet. */
export type Chunk = Uint8Array | ArrayBuffer | string;

/**
 * What a Handler may answer: bytes (Uint8Array, Buffer, ArrayBuffer) as they are, a string as UTF-8, an async iterable or a generator of
 * either in chunks, anything else as JSON. A caller who wants one output gets all chunks joined. A `Response` chooses status and headers
 * for who calls over HTTP; over gRPC its body is the output, and a status of 400 and above an error of its match.
 */
export type Reply = Response | Uint8Array | ArrayBuffer | JsonReply | AsyncIterable<Chunk> | IterableIterator<Chunk>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes to the function's log; an entry made during a call carries the call's id. */
export type Logger = Readonly<Record<LogLevel, (...values: unknown[]) => void>>;

/** One call, as the Handler sees it. */
export interface Request {
  /** The call's id: the caller's own if it gave one. */
  readonly id: string;
  /** The bytes that the caller sent; possibly none. Throws a DcfError INVALID_ARGUMENT when it sends them in chunks. */
  readonly input: Uint8Array;
  /**
   * The input in chunks, as they come; of a caller who sent it at once, that one. They can be read once. Reading rejects with a
   * DcfError when the caller gives up.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What the caller sent along, by lower-case key. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The URL's query, without `revision`, which is the platform's; of a caller over gRPC what its metadata `dcf-query` says. */
  readonly query: URLSearchParams;
  /** What the caller says that the input is; over gRPC in the metadata `dcf-content-type`. */
  readonly contentType: string | undefined;
  /** The point in time at which the caller stops waiting. A stream may have none: it is then the latest that a Date can be. */
  readonly deadline: Date;
  /** Aborts when the caller gives up or the deadline passes. */
  readonly signal: AbortSignal;
  /** The input as UTF-8 text. Throws as `input` does. */
  text(): string;
  /** The input as JSON. Throws a DcfError INVALID_ARGUMENT when it is none, and as `input` does. */
  json<T = unknown>(): T;
  /** Calls another function for this request. */
  readonly call: CallFunction;
}

/** What a Handler is built with, once per worker. */
export interface Context {
  readonly function: string;
  readonly revision: string;
  /** The manifest's `parameters`, with what `--set` changed. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Absolute paths of the manifest's `resources`, by name. */
  readonly resources: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** The execution providers that a session may use here, best first. */
  readonly providers: readonly string[];
  /** The devices that this replica may use; none on a CPU host. */
  readonly devices: readonly string[];
  /** Which of the replica's workers this is, from 0. */
  readonly worker: number;
  /**
   * Calls another function for the request that runs. In `callBatch`, and in what goes on after a reply, nobody can tell which
   * one that is: `request.call` says it.
   */
  readonly call: CallFunction;
}

/** The class that a function exports. Built once for each worker, called many times. */
export interface Handler {
  /** Called once, before any call. The context is for a Handler that is an object and no class. */
  init?(context: Context): void | Promise<void>;
  call(request: Request): Reply | Promise<Reply>;
  /**
   * Used in place of `call` when the manifest's `batch.maxSize` is above 1: all the requests of a batch, also of one, at once.
   * Returns a reply for each, in their order; an Error in the place of a reply fails that one alone.
   */
  callBatch?(requests: readonly Request[]): readonly (Reply | Error)[] | Promise<readonly (Reply | Error)[]>;
  close?(): void | Promise<void>;
}

/** What `handler: handler.ts` must export under the name `Handler`. */
export type HandlerClass = new (context: Context) => Handler;

/** How a Handler calls another function. */
export interface NestedCallOptions {
  /** The alias or revision to call; the active revision otherwise. */
  alias?: string | undefined;
  /** At most so long, `'5s'` or milliseconds; never longer than the call that it is made for. */
  timeout?: string | number | undefined;
  /** Beside the metadata of the call that it is made for, and in place of what has the same key. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** Gives the call up when it aborts. */
  signal?: AbortSignal | undefined;
}

/**
 * Calls another function of the same daemon, and resolves with its output. The deadline, the cancel, the id and the metadata of
 * the call that it is made for go along.
 *
 * @param input - must not be changed until the call is answered
 * @throws DcfError with the code that the other function failed with, and its message behind its name; FAILED_PRECONDITION
 *   where there is no call that it could be made for, and for a chain of too many calls; ABORTED when it would wait for a slot
 *   that only calls that wait for it could free; RESOURCE_EXHAUSTED for an input over `limits.payload` of either function
 */
export type CallFunction = (name: string, input: Uint8Array | string, options?: NestedCallOptions) => Promise<Uint8Array>;
