import type { Context, Handler, HandlerClass, LogLevel, NestedCallOptions, Reply, Request } from '../handler.js';

/** What a function's file may export as its Handler. */
export type TestedHandler = HandlerClass | Handler | ((request: Request, context: Context) => Reply | Promise<Reply>);

/** Stands for another function: what it answers, or throws. */
export type FakeFunction = (input: Uint8Array, options: NestedCallOptions) => Uint8Array | string | Promise<Uint8Array | string>;

/** How a function is loaded for a test. What is not given is what function.yaml says, or its default. */
export interface LoadOptions {
  /** One by one in place of those of function.yaml. */
  parameters?: Readonly<Record<string, unknown>> | undefined;
  /** Paths by name, one by one in place of those of function.yaml; relative ones from the function's folder. */
  resources?: Readonly<Record<string, string>> | undefined;
  /** The functions that it calls, by name. A call of any other fails with NOT_FOUND. */
  functions?: Readonly<Record<string, FakeFunction>> | undefined;
  /** The execution providers that sessions may use, best first; `['cpu']` by default. */
  providers?: readonly string[] | undefined;
  devices?: readonly string[] | undefined;
  /** Takes each line of the function's logger. `console` is left alone. By default lines go nowhere. */
  onLog?: ((level: LogLevel, text: string) => void) | undefined;
}

/** What a caller may send along. */
export interface TestCallOptions {
  /** By lower-case key. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** `'5s'` or milliseconds, in place of the `timeout` of function.yaml; for a stream that ends is all of it. */
  timeout?: string | number | undefined;
  /** The caller gives up when it aborts. */
  signal?: AbortSignal | undefined;
  id?: string | undefined;
  /** The query of the URL, without its "?", and the content type of the input, as callers over HTTP give them. */
  query?: string | undefined;
  contentType?: string | undefined;
}

/** What a caller got. */
export interface TestAnswer {
  /** All bytes of the reply. */
  readonly output: Uint8Array;
  /** What they are. */
  readonly kind: 'bytes' | 'text' | 'json';
  /** What a Handler that returns a Response chose for callers over HTTP; 200 and none otherwise. */
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The output as UTF-8. */
  text(): string;
  /** The output as JSON. Throws a SyntaxError when it is none. */
  json<T = unknown>(): T;
}

/** A Handler that was built as a worker builds it. */
export interface TestedFunction {
  /**
   * A call as it goes through a daemon: checked against `limits.payload`, at most `concurrency` at the same time, at most as long as `timeout`.
   *
   * @throws DcfError with the code and the message that a caller gets; what the Handler threw is its `cause`
   */
  call(input?: Uint8Array | string, options?: TestCallOptions): Promise<TestAnswer>;
  /** Calls that reach the Handler's `callBatch` together; where it has none, one after the other. Each answer or error is its call's own. */
  callBatch(inputs: readonly (Uint8Array | string)[], options?: TestCallOptions): Promise<PromiseSettledResult<TestAnswer>[]>;
  /** A streamed call: the input goes in chunks as the Handler reads them, and the output comes in chunks. Throws as `call` does. */
  stream(
    input: Uint8Array | string | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
    options?: TestCallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined>;
  /** Gives up the calls that run, calls the Handler's `close`, and removes what was made for the test. Rejects with what `close` throws. */
  close(): Promise<void>;
}

/** What the runtime needs to run a Handler in this process. */
export interface InProcessOptions {
  function: string;
  /** The file with the Handler, or the Handler itself. */
  handler: { kind: 'file'; directory: string; path: string; name: string } | { kind: 'given'; value: unknown };
  parameters: Readonly<Record<string, unknown>>;
  resources: Readonly<Record<string, string>>;
  providers: readonly string[];
  devices: readonly string[];
  functions: Readonly<Record<string, FakeFunction>>;
  concurrency: number;
  maxBatch: number;
  maxPayload: number;
  timeoutMs: number;
  onLog: (level: LogLevel, text: string) => void;
}
