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

/** What is known of a call before its input has come. */
export interface CallHead {
  function: string;
  /** The caller's own id; one is made where it gave none. */
  requestId: string | undefined;
  /** An alias or a revision; the active revision where it is missing. */
  selector: string | undefined;
  metadata: Readonly<Record<string, string>> | undefined;
  /** The query of the URL, without its "?". */
  query?: string | undefined;
  /** What the caller says that the input is. */
  contentType?: string | undefined;
  /** The call of a Handler that it is: it is taken while the daemon shuts down, too. */
  origin?: NestedCall | undefined;
}

/** One call as a transport hands it over. */
export interface InvokeRequest extends CallHead {
  input: Uint8Array;
  /** Milliseconds that the caller waits at most; `Infinity` when it said nothing. */
  timeoutMs: number;
  /** The transport has taken room for the input from the budget, as it came; it is given back when the call is settled. */
  counted?: boolean;
  /**
   * The caller takes what HTTP has: any status, and an output at once or in chunks, of which this is told before the first. To any
   * other, a status of 400 and above is an error, and all chunks come as one output.
   */
  onChunks?: ((stream: StreamedCall) => StreamCaller) | undefined;
}

/** One streamed call as a transport hands it over. */
export interface StreamRequest extends CallHead {
  /** All of the input; `undefined` when it comes in chunks. */
  input: Uint8Array | undefined;
  /** Milliseconds that the caller waits at most for all of it; `Infinity` when it said nothing. */
  timeoutMs: number;
}

export interface InvokerOptions {
  resolve: (name: FunctionName, selector: string | undefined) => Target;
  /** Bytes of the inputs of all calls in flight. */
  maxBytesInFlight: number;
  /** Reports each call of a function that wants a line for it in its log. */
  onEnded?: ((name: FunctionName, outcome: Outcome, report: () => DaemonReport) => void) | undefined;
}

/**
 * Told how a call ended. `report` makes its report, and has to be called at once if at all; a call that was refused before it
 * came to a function has none.
 */
export type Settle = (outcome: Outcome, report: (() => DaemonReport) | undefined) => void;

const nothing = (): void => undefined;
const noInput = new Uint8Array(0);
const requestIdPattern = /^[\x21-\x7e]{1,128}$/;
/** A call's header has 64 KiB for its id and its metadata, as JSON. */
const maxMetadataLength = 32 * 1024;
const maxQueryLength = 16 * 1024;
const maxContentTypeLength = 1024;

/** Whether a call may have this id. */
export function isRequestId(text: string): boolean {
  return requestIdPattern.test(text);
}

/** Takes calls from every transport: checks them, keeps the byte budget and hands them to the function's pool. */
export class Invoker {
  draining = false;
  readonly budget: ByteBudget;
  private readonly idPrefix = `${randomBytes(5).toString('hex')}-`;
  private lastId = 0;

  constructor(private readonly options: InvokerOptions) {
    this.budget = new ByteBudget(options.maxBytesInFlight);
  }

  /** Hands a call on. `settle` is called exactly once; what is returned cancels the call. */
  invoke(request: InvokeRequest, settle: Settle): () => void {
    const { input, counted = false } = request;
    const size = input.length;
    let target: Target;
    try {
      target = this.check(request);
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
   * Hands a call in chunks on. `settle` is called exactly once, and `caller` not any more after it; what is returned takes the input
   * and gives the call up.
   */
  stream(request: StreamRequest, caller: StreamCaller, settle: Settle): StreamedCall {
    const { input } = request;
    const size = streamBytes + (input?.length ?? 0);
    let target: Target;
    try {
      target = this.check(request);
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
   * Whether a call would be taken, its input aside; for transports that know the head first.
   *
   * @throws DcfError as `invoke` would settle with
   */
  check({ function: name, requestId, selector, metadata, query, contentType, origin }: CallHead): Target {
    const checked = requireFunctionName(name);
    if (this.draining && origin === undefined) throw notStarted('the daemon is shutting down and takes no new calls');
    if (requestId !== undefined && !isRequestId(requestId)) {
      throw new DcfError('INVALID_ARGUMENT', 'dcf-request-id is 1 to 128 printable ASCII characters without spaces');
    }
    if (metadata !== undefined) checkLength('the metadata', JSON.stringify(metadata), maxMetadataLength);
    if (query !== undefined) checkLength('the query', query, maxQueryLength);
    if (contentType !== undefined) checkLength('the content type', contentType, maxContentTypeLength);
    return this.options.resolve(checked, selector);
  }

  /** An id that no other call of this daemon has. */
  newRequestId(): string {
    this.lastId += 1;
    return this.idPrefix + this.lastId.toString(36);
  }

  /** Tells those who keep count of it. Returns what makes its report. */
  private record(target: Target, id: string, outcome: Outcome, reported: Reported): () => DaemonReport {
    target.canary?.record(outcome, reported);
    const report = (): DaemonReport => ({ id, ...reported.report() });
    if (target.callLog) this.options.onEnded?.(target.name, outcome, report);
    return report;
  }
}

/** Throws a DcfError INVALID_ARGUMENT for a text of more bytes than it may have. */
function checkLength(what: string, text: string, limit: number): void {
  const length = Buffer.byteLength(text);
  if (length <= limit) return;
  throw new DcfError('INVALID_ARGUMENT', `${what} has ${length} bytes, over the limit of ${formatSize(limit)}`);
}

/** An outcome for those who know of no HTTP: a status of 400 and above, which a Handler chose, is an error. */
function withoutStatus(outcome: Outcome): Outcome {
  if (!outcome.ok || outcome.head === undefined || outcome.head.status < 400) return outcome;
  const { head, output, release } = outcome;
  const error = errorOfHttpStatus(head.status, head.headers, output);
  release(output);
  return { ok: false, error };
}
