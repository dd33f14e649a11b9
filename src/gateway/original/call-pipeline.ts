import type { DaemonReport } from '@dcf/sdk/contract';
import type { DcfError } from '../../core/errors.js';
import type { Outcome, Output } from '../../pool/calls/invocation.js';
import type { Settle } from '../invoker.js';

/** Calls of one pipeline that are open at most: from when a request is read until its answer is on its way. */
export const maxOpenCalls = 16;

/** Takes the outputs of a call as they come, and its end, which comes once and last. */
export interface CallSink {
  output(output: Output): void;
  settle: Settle;
}

/** What a call has begun as. */
export interface BegunCall {
  /** An output of so many bytes has gone out. */
  taken(length: number): void;
  cancel(): void;
}

/** Begins a call. The sink may be told of its end before this returns. */
export type Begin = (sink: CallSink) => BegunCall;

/** What a pipeline is tied to. */
export interface PipelineEnds {
  /** Sends an output, and calls `sent` when the transport has taken it. They come in the order of the calls, and of each call's own. */
  send: (output: Output, sent: () => void) => void;
  /** All calls are answered. Comes last. */
  finished: () => void;
  /** The calls before it are answered, and this one failed. Comes last. */
  failed: (error: DcfError, report: DaemonReport | undefined) => void;
  /** Whether another call may come. */
  hold: (held: boolean) => void;
}

type State =
  | { kind: 'running' }
  /** The function had no room for it beside this pipeline's own calls. */
  | { kind: 'waiting' }
  | { kind: 'answered' }
  | { kind: 'failed'; error: DcfError; report: DaemonReport | undefined }
  | { kind: 'dropped' };

interface OpenCall {
  readonly begin: Begin;
  state: State;
  /** Outputs that wait for those of the calls before it. */
  outputs: Output[];
  begun: BegunCall;
}

const notBegun: BegunCall = { taken: () => undefined, cancel: () => undefined };

/**
 * Runs the calls of one stream side by side and answers them in their order. The first that fails ends it. It is free of any
 * transport: whoever reads the requests stops while it holds them.
 */
export class CallPipeline {
  /** Calls that are not answered yet, in the order of their requests. */
  private open: OpenCall[] = [];
  private unsent = 0;
  private running = 0;
  /** How many may run; fewer than `maxOpenCalls` where the function has no room for so many. */
  private window = maxOpenCalls;
  private complete = false;
  private over = false;
  private held = false;

  constructor(private readonly ends: PipelineEnds) {}

  /** Takes the next call. */
  take(begin: Begin): void {
    if (this.over) return;
    const call: OpenCall = { begin, state: { kind: 'running' }, outputs: [], begun: notBegun };
    this.open.push(call);
    this.start(call);
    this.advance();
  }

  /** No more calls come. */
  finish(): void {
    this.complete = true;
    this.advance();
  }

  /** Cancels every call; nothing is told any more. */
  cancel(): void {
    this.over = true;
    this.drop(this.open.splice(0));
  }

  private get hasRoom(): boolean {
    return this.running + 1 <= this.window;
  }

  private start(call: OpenCall): void {
    this.running += 1;
    call.state = { kind: 'running' };
    call.begun = call.begin({
      output: (output) => this.takeOutput(call, output),
      settle: (outcome, report) => this.settle(call, outcome, report),
    });
  }

  private takeOutput(call: OpenCall, output: Output): void {
    if (call.state.kind === 'dropped') return;
    call.outputs.push(output);
    if (call === this.open[0]) this.advance();
  }

  private settle(call: OpenCall, outcome: Outcome, report: (() => DaemonReport) | undefined): void {
    this.running -= 1;
    if (call.state.kind === 'dropped') return;
    if (outcome.ok) {
      call.state = { kind: 'answered' };
      this.window = Math.min(maxOpenCalls, this.window + 1 / maxOpenCalls);
    } else if (isRefusal(outcome.error) && this.running > 0) {
      call.state = { kind: 'waiting' };
      this.window = this.running;
    } else {
      call.state = { kind: 'failed', error: outcome.error, report: report?.() };
      // Their answers would never be read.
      this.drop(this.open.splice(this.open.indexOf(call) + 1));
    }
    this.advance();
  }

  private drop(calls: readonly OpenCall[]): void {
    for (const call of calls) {
      call.state = { kind: 'dropped' };
      call.outputs = [];
      call.begun.cancel();
    }
  }

  /** Sends what can be sent, ends what has ended, and begins what has waited. */
  private advance(): void {
    if (this.over) return;
    this.sendInOrder();
    const [first] = this.open;
    if (first?.state.kind === 'failed') {
      this.over = true;
      this.ends.failed(first.state.error, first.state.report);
      return;
    }
    if (first === undefined && this.complete) {
      this.over = true;
      this.ends.finished();
      return;
    }
    const waiting = this.open.find(({ state }) => state.kind === 'waiting');
    if (waiting !== undefined && this.hasRoom) this.start(waiting);
    this.setHeld();
  }

  /** The outputs of the first call as they come, and of those behind it once it has ended. */
  private sendInOrder(): void {
    for (let [first] = this.open; first !== undefined; [first] = this.open) {
      for (const output of first.outputs.splice(0)) this.send(first, output);
      if (first.state.kind !== 'answered') return;
      this.open.shift();
    }
  }

  private send({ begun }: OpenCall, output: Output): void {
    const { length } = output.output;
    this.unsent += 1;
    this.ends.send(output, () => {
      this.unsent -= 1;
      begun.taken(length);
      this.setHeld();
    });
  }

  private setHeld(): void {
    const full = this.open.length + this.unsent >= maxOpenCalls || !this.hasRoom;
    const held = full || this.open.some(({ state }) => state.kind === 'waiting' || state.kind === 'failed');
    if (held === this.held || this.over) return;
    this.held = held;
    this.ends.hold(held);
  }
}

/** The function's queue or the daemon's byte budget was full, so the call was not begun; no Handler can say when to come back. */
function isRefusal(error: DcfError): boolean {
  return error.code === 'RESOURCE_EXHAUSTED' && error.retryAfterMs !== undefined;
}
