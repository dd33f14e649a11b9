import { performance } from 'node:perf_hooks';
import { formatDuration } from '@dcf/sdk/units';
import { startTimer } from '../../core/deadline.js';
import type { DcfError } from '../../core/errors.js';
import { ReceiveWindow, SendCredit } from '../../wire/credit.js';
import type { Message } from '../../wire/messages.js';
import type { Outcome, Output, ReplyHead, StreamCaller, StreamedCall, StreamInvocation } from './invocation.js';

/** The call whose chunks they are, as its stream sees it. */
export interface StreamOwner {
  /** On the clock of `performance.now()`. */
  readonly acceptedAt: number;
  /** When a Handler began it, on the same clock; 0 before. */
  readonly startedAt: number;
  readonly timeoutMs: number;
  readonly wireId: number;
  /** Whether its caller has been told how it ended. */
  readonly settled: boolean;
  settle(outcome: Outcome): void;
  cancel(error?: DcfError): void;
  expire(): void;
}

/** Takes nothing. */
export const nobody: StreamCaller = { head: () => undefined, chunk: () => undefined, room: () => undefined };

/**
 * The chunks of one streamed call, between its caller and its worker. What is on the way in either direction is bounded by the
 * credit of that direction: a chunk of input is taken while the worker has credit for it, and a chunk of output counts until the
 * caller's transport has it.
 *
 * In place of a deadline there is a limit to silence: that of the queue, and then how long nothing may move in either direction.
 */
export class CallStream implements StreamedCall {
  /** Whether the input comes in chunks. */
  readonly chunked: boolean;
  caller: StreamCaller;
  private readonly input = new SendCredit();
  private readonly output = new ReceiveWindow();
  /** Input that came before a worker had the call. */
  private early: Uint8Array[] = [];
  private inputEnded = false;
  /** To the worker that has, or had, the call. */
  private send: ((message: Message) => void) | undefined;
  /** How the call ends once the caller has taken what came. */
  private ending: Outcome | undefined;
  private lastMove: number;
  private cancelTimer: (() => void) | undefined;

  /** @param idleMs - how long nothing may move */
  constructor(
    private readonly call: StreamOwner,
    { chunked, caller }: Pick<StreamInvocation, 'chunked' | 'caller'>,
    private readonly idleMs: number,
  ) {
    this.chunked = chunked;
    this.caller = caller;
    this.lastMove = call.acceptedAt;
  }

  /** Begins to watch the time. Returns what stops that. */
  watch(): () => void {
    this.startTimer();
    return () => this.cancelTimer?.();
  }

  /** Why its time is over, for people. */
  get lateness(): string {
    if (performance.now() - this.call.acceptedAt >= this.call.timeoutMs) {
      const where = this.call.startedAt > 0 ? 'in the Handler' : 'in the queue';
      return `the deadline of ${formatDuration(this.call.timeoutMs)} passed ${where}`;
    }
    const idle = formatDuration(this.idleMs);
    if (this.call.startedAt === 0) return `the timeout of ${idle} passed in the queue`;
    return `nothing moved on the stream in either direction for ${idle}, its timeout`;
  }

  write(chunk: Uint8Array): boolean {
    if (this.over) return false;
    this.input.spend(chunk.length);
    if (this.send === undefined) {
      this.early.push(chunk);
    } else {
      this.touch();
      this.send({ type: 'DATA', id: this.call.wireId, body: chunk });
    }
    return this.input.open;
  }

  end(): void {
    this.inputEnded = true;
    if (!this.over) this.send?.({ type: 'END', id: this.call.wireId });
  }

  taken(length: number): void {
    if (this.call.settled) return;
    const credit = this.output.take(length);
    this.touch();
    if (this.ending !== undefined) this.settleWhenTaken(this.ending);
    else if (credit > 0) this.send?.({ type: 'CREDIT', id: this.call.wireId, bytes: credit });
  }

  cancel(error?: DcfError): void {
    this.call.cancel(error);
  }

  /** A worker has the call: it gets what came before. */
  open(send: (message: Message) => void): void {
    this.send = send;
    this.touch();
    const { wireId } = this.call;
    for (const body of this.early) send({ type: 'DATA', id: wireId, body });
    this.early = [];
    if (this.chunked && this.inputEnded) send({ type: 'END', id: wireId });
  }

  /** The Handler has chosen how its answer is told. */
  head(head: ReplyHead): void {
    if (!this.over) this.caller.head(head);
  }

  /** The worker has made a chunk of output. Throws a FrameError when it had no credit for it. */
  receive(chunk: Output): void {
    const { length } = chunk.output;
    if (this.over) return;
    this.output.receive(length);
    this.touch();
    this.caller.chunk(chunk);
  }

  /** The worker takes so many bytes of input more. */
  grant(bytes: number): void {
    if (this.over) return;
    const before = this.input.open;
    this.input.grant(bytes);
    this.touch();
    if (!before && this.input.open) this.caller.room();
  }

  /** The worker has done with the call. */
  finish(outcome: Outcome): void {
    if (this.over) return;
    this.ending = outcome;
    this.settleWhenTaken(outcome);
  }

  /** Nothing more comes or goes but what the caller has not taken yet. */
  private get over(): boolean {
    return this.call.settled || this.ending !== undefined;
  }

  private settleWhenTaken(outcome: Outcome): void {
    if (this.output.empty) this.call.settle(outcome);
  }

  private touch(): void {
    this.lastMove = performance.now();
  }

  /** One timer that looks again, as a new one for each chunk would cost more than the chunk. */
  private startTimer(): void {
    const rest = this.due - performance.now();
    this.cancelTimer = startTimer(Math.ceil(rest), () => {
      if (this.due <= performance.now()) this.call.expire();
      else this.startTimer();
    });
  }

  private get due(): number {
    return Math.min(this.lastMove + this.idleMs, this.call.acceptedAt + this.call.timeoutMs);
  }
}
