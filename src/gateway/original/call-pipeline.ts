import type { DaemonReport } from '@dcf/sdk/contract';
import type { DcfError } from '../../core/errors.js';
import type { Outcome, Output } from '../../pool/calls/invocation.js';
import type { Settle } from '../invoker.js';

/** Most open calls of one pipeline. A call is open from when its request is read until its answer is on its way. */
export const maxOpenCalls = 16;

/** Receives the outputs of a call as they come, and its end, which comes once and last. */
export interface CallSink {
  output(output: Output): void;
  settle: Settle;
}

/** A call that has begun. */
export interface BegunCall {
  /** Tells the call that an output of `length` bytes has been sent. */
  taken(length: number): void;
  cancel(): void;
}

/** Begins a call. The sink may be settled before this returns. */
export type Begin = (sink: CallSink) => BegunCall;

/** The transport of a pipeline. */
export interface PipelineEnds {
  /** Sends an output, and calls `sent` when the transport has accepted it. Outputs come in the order of the calls, and within each call. */
  send: (output: Output, sent: () => void) => void;
  /** All calls are answered. Called last. */
  finished: () => void;
  /** A call failed, and those before it are answered. Called last. */
  failed: (error: DcfError, report: DaemonReport | undefined) => void;
  /** Stops the reading of further requests (`true`), or lets it go on. */
  hold: (held: boolean) => void;
}

type State =
  | { kind: 'running' }
  /** The function had no room for the call beside this pipeline's other calls: it begins again when one of them has ended. */
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
 * Runs the calls of one stream side by side, and answers them in the order of their requests. The first call that fails ends the
 * pipeline. It depends on no transport: the transport stops reading requests while the pipeline holds them.
 */
export class CallPipeline {
  /** Calls that are not answered yet, in the order of their requests. */
  private open: OpenCall[] = [];
  /** Number of outputs that the transport has not accepted yet. */
  private unsent = 0;
  private running = 0;
  /** How many calls may run; fewer than `maxOpenCalls` after the function had no room for more. */
  private window = maxOpenCalls;
  /** Whether the last request has come. */
  private complete = false;
  /** Whether the pipeline has ended. */
  private over = false;
  private held = false;

  constructor(private readonly ends: PipelineEnds) {}

  /** Adds the next call, and begins it. */
  take(begin: Begin): void {
    if (this.over) return;
    const call: OpenCall = { begin, state: { kind: 'running' }, outputs: [], begun: notBegun };
    this.open.push(call);
    this.start(call);
    this.advance();
  }

  /** Ends the pipeline once all calls are answered: no more of them come. */
  finish(): void {
    this.complete = true;
    this.advance();
  }

  /** Cancels every call. Nothing is sent any more. */
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

  /** Sends outputs whose turn has come, ends the pipeline if it is time, and begins a call that has waited. */
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

  /** Sends the outputs of the first call, and those of the calls behind it once the calls before them are answered. */
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

/** Whether a call was not begun because the function's queue or the daemon's byte budget was full: no Handler's error has `retryAfterMs`. */
function isRefusal(error: DcfError): boolean {
  return error.code === 'RESOURCE_EXHAUSTED' && error.retryAfterMs !== undefined;
}
