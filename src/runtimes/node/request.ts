import type { CallFunction, Request } from '@dcf/sdk';
import { DcfError, messageOf } from '../../core/errors.js';
import type { ListNode } from '../../core/linked-list.js';

/** Calls another function for the call with this number. */
export type CallFor = (parent: number, ...request: Parameters<CallFunction>) => ReturnType<CallFunction>;

const noMetadata: Readonly<Record<string, string>> = Object.freeze({});

/** One call as the Handler sees it. What few Handlers look at is made only when it is asked for. */
export class WorkerRequest implements Request, ListNode<WorkerRequest> {
  previous: WorkerRequest | undefined;
  next: WorkerRequest | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  private readonly deadlineMs: number;
  private controller: AbortController | undefined;
  private cancelReason: DcfError | undefined;

  /**
   * @param wireId - the call's number on the worker's stream
   * @param timeoutMs - what is left of the deadline; 0 for none
   */
  constructor(
    readonly wireId: number,
    readonly id: string,
    readonly input: Uint8Array,
    metadata: Readonly<Record<string, string>> | undefined,
    timeoutMs: number,
    private readonly callFor: CallFor,
  ) {
    this.metadata = metadata ?? noMetadata;
    this.deadlineMs = timeoutMs === 0 ? 8.64e15 : Date.now() + timeoutMs;
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

  text(): string {
    return Buffer.from(this.input.buffer, this.input.byteOffset, this.input.byteLength).toString('utf8');
  }

  json<T = unknown>(): T {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw new DcfError('INVALID_ARGUMENT', `the input is not valid JSON: ${messageOf(error)}`);
    }
  }

  call(...request: Parameters<CallFunction>): ReturnType<CallFunction> {
    return this.callFor(this.wireId, ...request);
  }

  /** The caller gave up or the deadline passed: the signal fires. */
  cancel(): void {
    this.cancelReason = new DcfError('CANCELLED', 'the caller gave up or the deadline passed');
    this.controller?.abort(this.cancelReason);
  }
}
