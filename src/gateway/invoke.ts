import { randomBytes } from 'node:crypto';
import type { Target } from '../control/router.js';
import { DcfError, notStarted } from '../core/errors.js';
import { type FunctionName, functionNameProblem, isFunctionName } from '../core/names.js';
import { formatSize } from '../core/units.js';
import type { Invocation, Outcome } from '../pool/invocation.js';

/** One call as a transport hands it over. */
export interface InvokeRequest {
  function: string;
  input: Uint8Array;
  /** Milliseconds that the caller waits at most; `Infinity` when it said nothing. */
  timeoutMs: number;
  /** The caller's own id; one is made where it gave none. */
  requestId: string | undefined;
  /** An alias or a revision; the active revision where it is missing. */
  selector: string | undefined;
  metadata: Readonly<Record<string, string>> | undefined;
}

export interface InvokerOptions {
  resolve: (name: FunctionName, selector: string | undefined) => Target;
  /** Bytes of the inputs of all calls in flight. */
  maxBytesInFlight: number;
}

const nothing = (): void => undefined;
const requestIdPattern = /^[\x21-\x7e]{1,128}$/;
/** A call's header has 64 KiB for its id and its metadata, as JSON. */
const maxMetadataLength = 32 * 1024;

/** Takes calls from every transport: checks them, keeps the byte budget and hands them to the function's pool. */
export class Invoker {
  draining = false;
  private readonly idPrefix = `${randomBytes(5).toString('hex')}-`;
  private lastId = 0;
  private bytesInFlight = 0;

  constructor(private readonly options: InvokerOptions) {}

  /** Hands a call on. `settle` is called exactly once; what is returned cancels the call. */
  invoke(request: InvokeRequest, settle: (outcome: Outcome) => void): () => void {
    let target: Target;
    try {
      target = this.accept(request);
    } catch (error) {
      settle({ ok: false, error: DcfError.from(error, 'INTERNAL') });
      return nothing;
    }
    const size = request.input.length;
    this.bytesInFlight += size;
    const invocation: Invocation = {
      requestId: request.requestId ?? this.nextId(),
      input: request.input,
      timeoutMs: request.timeoutMs,
      metadata: request.metadata,
      settle: (outcome, reported) => {
        this.bytesInFlight -= size;
        target.canary?.record(outcome, reported);
        settle(outcome);
      },
    };
    return target.pool.invoke(invocation);
  }

  private accept(request: InvokeRequest): Target {
    const { function: name, input, requestId, metadata } = request;
    if (!isFunctionName(name)) throw new DcfError('INVALID_ARGUMENT', functionNameProblem(name));
    if (this.draining) throw notStarted('the daemon is shutting down and takes no new calls');
    if (requestId !== undefined && !requestIdPattern.test(requestId)) {
      throw new DcfError('INVALID_ARGUMENT', 'dcf-request-id is 1 to 128 printable ASCII characters without spaces');
    }
    if (metadata !== undefined && JSON.stringify(metadata).length > maxMetadataLength) {
      throw new DcfError('INVALID_ARGUMENT', `the metadata is over the limit of ${formatSize(maxMetadataLength)}`);
    }
    const target = this.options.resolve(name, request.selector);
    if (input.length > target.maxPayload) {
      throw new DcfError('RESOURCE_EXHAUSTED', `the input has ${input.length} bytes; limits.payload of ${name} is ${target.maxPayload}`);
    }
    if (this.bytesInFlight + input.length > this.options.maxBytesInFlight && this.bytesInFlight > 0) {
      const message = `the daemon holds ${formatSize(this.bytesInFlight)} of calls in flight, and its limit is ${formatSize(this.options.maxBytesInFlight)}`;
      throw new DcfError('RESOURCE_EXHAUSTED', message, { retryAfterMs: 100 });
    }
    return target;
  }

  private nextId(): string {
    this.lastId += 1;
    return this.idPrefix + this.lastId.toString(36);
  }
}
