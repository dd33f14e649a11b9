import { randomBytes } from 'node:crypto';
import type { DaemonReport } from '@dcf/sdk/contract';
import { formatSize } from '@dcf/sdk/units';
import type { Target } from '../control/live/router.js';
import { DcfError, notStarted } from '../core/errors.js';
import { errorOfHttpStatus } from '../core/http-status.js';
import { type FunctionName, requireFunctionName } from '../core/names.js';
import type { Invocation, Outcome, Reported, StreamCaller, StreamedCall } from '../pool/calls/invocation.js';
import type { NestedCall } from '../pool/calls/nested-call.js';
import { ByteBudget } from './byte-budget.js';
import { checkPayload, LimitedStream, noStream, streamBytes } from './limited-stream.js';

/** What is known of a call before its input has arrived. */
export interface CallHead {
  function: string;
  /** The caller's own id for the call; the daemon makes one if it is `undefined`. */
  requestId: string | undefined;
  /** An alias or a revision; `undefined` for the active revision, or one that has a share of the calls. */
  selector: string | undefined;
  metadata: Readonly<Record<string, string>> | undefined;
  /** The query of the URL, without its "?". */
  query?: string | undefined;
  /** The content type that the caller gave the input. */
  contentType?: string | undefined;
  /** For a call that a Handler makes: such a call is accepted also while the daemon shuts down. */
  origin?: NestedCall | undefined;
}

/** One call as a transport hands it over. */
export interface InvokeRequest extends CallHead {
  input: Uint8Array;
  /** Milliseconds that the caller waits at most; `Infinity` for no limit of its own. */
  timeoutMs: number;
  /** Whether the transport has reserved the input's bytes in the budget already. They are released when the call is settled. */
  counted?: boolean;
  /**
   * For callers over HTTP, which accept any status and an output in chunks: called before the first chunk. Without it, a status of
   * 400 and above becomes an error, and all chunks are joined into one output.
   */
  onChunks?: ((stream: StreamedCall) => StreamCaller) | undefined;
}

/** One streamed call as a transport hands it over. */
export interface StreamRequest extends CallHead {
  /** All of the input; `undefined` when it comes in chunks. */
  input: Uint8Array | undefined;
  /** Milliseconds that the caller waits at most for the whole call; `Infinity` for no limit of its own. */
  timeoutMs: number;
}

export interface InvokerOptions {
  /** Chooses the target of a call. Called once for each call: where revisions have shares, it deals the calls out. */
  resolve: (name: FunctionName, selector: string | undefined) => Target;
  /** The target that `resolve` would choose now. */
  peek: (name: FunctionName, selector: string | undefined) => Target;
  /** Most bytes that the inputs of all calls in flight may hold together. */
  maxBytesInFlight: number;
  /** Reports the end of each call of a function that logs its calls. */
  onEnded?: ((name: FunctionName, outcome: Outcome, report: () => DaemonReport) => void) | undefined;
}

/**
 * Receives how a call ended. `report` makes the call's report and must be called before this returns, if at all; it is `undefined`
 * for a call that was refused before it reached a function.
 */
export type Settle = (outcome: Outcome, report: (() => DaemonReport) | undefined) => void;

const nothing = (): void => undefined;
const noInput = new Uint8Array(0);
const requestIdPattern = /^[\x21-\x7e]{1,128}$/;
/** Bytes of the metadata as JSON: a CALL message to a worker has 64 KiB for all of its header. */
const maxMetadataLength = 32 * 1024;
const maxQueryLength = 16 * 1024;
const maxContentTypeLength = 1024;

/** Whether `text` is a valid request id: 1 to 128 printable ASCII characters without spaces. */
export function isRequestId(text: string): boolean {
  return requestIdPattern.test(text);
}

/** Accepts calls from every transport: checks them, keeps the byte budget and passes them to the function's pool. */
export class Invoker {
  /** Whether the daemon is shutting down: only calls that Handlers make are accepted then. */
  draining = false;
  readonly budget: ByteBudget;
  private readonly idPrefix = `${randomBytes(5).toString('hex')}-`;
  private lastId = 0;

  constructor(private readonly options: InvokerOptions) {
    this.budget = new ByteBudget(options.maxBytesInFlight);
  }

  /** Starts a call. `settle` is called exactly once. Returns a function that cancels the call. */
  invoke(request: InvokeRequest, settle: Settle): () => void {
    const { input, counted = false } = request;
    const size = input.length;
    let target: Target;
    try {
      target = this.targetOf(request, this.options.resolve);
      checkPayload(input, 'input', target);
      if (!counted) this.budget.take(size);
    } catch (error) {
      if (counted) this.budget.give(size);
      settle({ ok: false, error: DcfError.from(error, 'INTERNAL') }, undefined);
      return nothing;
    }
    const id = request.requestId ?? this.newRequestId();
    const { onChunks } = request;
    let held = size;
    const invocation: Invocation = {
      requestId: id,
      selector: request.selector,
      input,
      timeoutMs: request.timeoutMs,
      metadata: request.metadata,
      query: request.query,
      contentType: request.contentType,
      origin: request.origin,
      settle: (outcome, reported) => {
        this.budget.give(held);
        const report = this.record(target, id, outcome, reported);
        settle(onChunks === undefined ? withoutStatus(outcome) : outcome, report);
      },
      onChunks:
        onChunks === undefined
          ? undefined
          : (stream) => {
              held += streamBytes;
              this.budget.force(streamBytes);
              return onChunks(stream);
            },
    };
    return target.pool.invoke(invocation);
  }

  /**
   * Starts a streamed call. `settle` is called exactly once, and `caller` is not called after it. Returns the caller's side of the call,
   * which accepts the chunks of the input and cancels the call.
   */
  stream(request: StreamRequest, caller: StreamCaller, settle: Settle): StreamedCall {
    const { input } = request;
    const size = streamBytes + (input?.length ?? 0);
    let target: Target;
    try {
      target = this.targetOf(request, this.options.resolve);
      if (input !== undefined) checkPayload(input, 'input', target);
      this.budget.take(size);
    } catch (error) {
      settle({ ok: false, error: DcfError.from(error, 'INTERNAL') }, undefined);
      return noStream;
    }
    const limited = new LimitedStream(caller, this.budget, target);
    const id = request.requestId ?? this.newRequestId();
    limited.stream = target.pool.stream({
      requestId: id,
      selector: request.selector,
      input: input ?? noInput,
      chunked: input === undefined,
      caller: limited,
      timeoutMs: request.timeoutMs,
      metadata: request.metadata,
      query: request.query,
      contentType: request.contentType,
      settle: (outcome, reported) => {
        this.budget.give(size);
        limited.close();
        settle(limited.outcome(outcome), this.record(target, id, outcome, reported));
      },
    });
    return limited;
  }

  /**
   * Checks everything about a call but its input, for transports that receive the head first.
   *
   * @returns where the call would go now; `invoke` decides
   * @throws DcfError, the one that `invoke` would settle with
   */
  check(head: CallHead): Target {
    return this.targetOf(head, this.options.peek);
  }

  private targetOf(
    { function: name, requestId, selector, metadata, query, contentType, origin }: CallHead,
    choose: InvokerOptions['resolve'],
  ): Target {
    const checked = requireFunctionName(name);
    if (this.draining && origin === undefined) throw notStarted('the daemon is shutting down and takes no new calls');
    if (requestId !== undefined && !isRequestId(requestId)) {
      throw new DcfError('INVALID_ARGUMENT', 'dcf-request-id must be 1 to 128 printable ASCII characters without spaces');
    }
    if (metadata !== undefined) checkLength('the metadata', JSON.stringify(metadata), maxMetadataLength);
    if (query !== undefined) checkLength('the query', query, maxQueryLength);
    if (contentType !== undefined) checkLength('the content type', contentType, maxContentTypeLength);
    return choose(checked, selector);
  }

  /** Makes a request id that no other call of this daemon has. */
  newRequestId(): string {
    this.lastId += 1;
    return this.idPrefix + this.lastId.toString(36);
  }

  /** Records the end of a call with its canary and in the function's log. Returns a function that makes the call's report. */
  private record(target: Target, id: string, outcome: Outcome, reported: Reported): () => DaemonReport {
    target.canary?.record(outcome, reported);
    const report = (): DaemonReport => ({ id, ...reported.report() });
    if (target.callLog) this.options.onEnded?.(target.name, outcome, report);
    return report;
  }
}

/** Throws a DcfError INVALID_ARGUMENT if `text` has more than `limit` bytes in UTF-8. */
function checkLength(what: string, text: string, limit: number): void {
  const length = Buffer.byteLength(text);
  if (length <= limit) return;
  throw new DcfError('INVALID_ARGUMENT', `${what} has ${length} bytes, over the limit of ${formatSize(limit)}`);
}

/** The outcome for callers that do not use HTTP: a status of 400 or above that a Handler chose becomes an error. */
function withoutStatus(outcome: Outcome): Outcome {
  if (!outcome.ok || outcome.head === undefined || outcome.head.status < 400) return outcome;
  const { head, output, release } = outcome;
  const error = errorOfHttpStatus(head.status, head.headers, output);
  release(output);
  return { ok: false, error };
}
