import type { Context, Handler, HandlerClass, LogLevel, NestedCallOptions, Reply, Request } from '../handler.js';

/** A Handler: any of the kinds that a function's file may export. */
export type TestedHandler = HandlerClass | Handler | ((request: Request, context: Context) => Reply | Promise<Reply>);

/** Takes the place of another function in a test: returns its output, or throws its error. */
export type FakeFunction = (input: Uint8Array, options: NestedCallOptions) => Uint8Array | string | Promise<Uint8Array | string>;

/** Options for loading a function in a test. For an option that is missing, function.yaml holds, or its default. */
export interface LoadOptions {
  /** Parameters by name; each replaces the one of function.yaml. */
  parameters?: Readonly<Record<string, unknown>> | undefined;
  /** Paths of resources by name; each replaces the one of function.yaml. Relative paths begin at the function's folder. */
  resources?: Readonly<Record<string, string>> | undefined;
  /** The functions that the Handler may call, by name. Calls of other functions fail with NOT_FOUND. @default none */
  functions?: Readonly<Record<string, FakeFunction>> | undefined;
  /** The execution providers that sessions may use, best first. @default ['cpu'] */
  providers?: readonly string[] | undefined;
  /** The GPUs in `context.devices`. @default none */
  devices?: readonly string[] | undefined;
  /** Receives each line of `context.logger`, but not of `console`. @default lines are dropped */
  onLog?: ((level: LogLevel, text: string) => void) | undefined;
}

/** Options of one call. */
export interface TestCallOptions {
  /** The metadata of the call, by key in lower case. @default none */
  metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * How long the call may take: milliseconds, or a text such as `'5s'`. For a streamed call: how long nothing may move.
   *
   * @default the `timeout` of function.yaml
   */
  timeout?: string | number | undefined;
  /** Makes the caller give up when it aborts. */
  signal?: AbortSignal | undefined;
  /** The id of the call. @default a new one */
  id?: string | undefined;
  /** The query of the URL, without its "?", as a caller over HTTP gives it. @default none */
  query?: string | undefined;
  /** The content type of the input, as a caller over HTTP gives it. @default none */
  contentType?: string | undefined;
}

/** The answer to a call. */
export interface TestAnswer {
  /** The reply in bytes. */
  readonly output: Uint8Array;
  /** What the Handler returned: bytes, text, or a value that was written as JSON. */
  readonly kind: 'bytes' | 'text' | 'json';
  /** The HTTP status of a Response that the Handler returned; 200 for any other reply. */
  readonly status: number;
  /** The headers of a Response that the Handler returned, with names in lower case; empty for any other reply. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The output as UTF-8 text. */
  text(): string;
  /** The output, parsed as JSON. The type parameter is not checked. @throws SyntaxError when it is not valid JSON */
  json<T = unknown>(): T;
}

/** A function whose Handler was built in this process. */
export interface TestedFunction {
  /**
   * Calls the Handler as a daemon does: the input is checked against `limits.payload`, at most `concurrency` calls run at the same time, and
   * the call may take as long as `timeout`.
   *
   * @param input - bytes, or a string that is sent as UTF-8; @default an empty input
   * @throws DcfError with the code and the message that a caller would get; its `cause` has the Handler's own stack
   */
  call(input?: Uint8Array | string, options?: TestCallOptions): Promise<TestAnswer>;
  /**
   * Makes one call for each input. If the Handler has `callBatch` and `batch.maxSize` is above 1, they are one batch, whatever its size.
   * Otherwise each is a call of its own.
   *
   * @returns the answer or the error of each call, in their order
   */
  callBatch(inputs: readonly (Uint8Array | string)[], options?: TestCallOptions): Promise<PromiseSettledResult<TestAnswer>[]>;
  /**
   * Makes a streamed call: chunks of the input are sent as the Handler reads them, and the output comes in chunks. Iterating throws as `call`
   * does.
   */
  stream(
    input: Uint8Array | string | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
    options?: TestCallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined>;
  /** Cancels the calls that run, calls the Handler's `close`, and removes the files of the test. Rejects with what `close` throws. */
  close(): Promise<void>;
}

/** Everything that the runtime needs to run a Handler in this process. */
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
