import { performance } from 'node:perf_hooks';
import { formatDuration } from '@dcf/sdk/units';
import { startTimer } from '../../core/deadline.js';
import type { DcfError } from '../../core/errors.js';
import { ReceiveWindow, SendCredit } from '../../wire/credit.js';
import type { Message } from '../../wire/messages.js';
import type { Outcome, Output, ReplyHead, StreamCaller, StreamedCall, StreamInvocation } from './invocation.js';

/** The part of a call that its stream uses. */
export interface StreamOwner {
  /** When it was accepted, on the clock of `performance.now()`. */
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

/** Ignores every chunk: stands in until the caller of a new stream is known. */
export const noCaller: StreamCaller = { head: () => undefined, chunk: () => undefined, room: () => undefined };

/**
 * The chunks of one streamed call, between its caller and its worker. The credit of each direction bounds the bytes that are on
 * their way: a chunk of input is taken while the worker has given credit for it, and a chunk of output counts until the caller's
 * transport has taken it.
 *
 * The function's timeout limits the silence of a stream, not its duration: the call expires when it waits in the queue for `idleMs`,
 * or when no chunk moves in either direction for that long. A deadline that the caller set holds besides.
 */
export class CallStream implements StreamedCall {
  /** Whether the input comes in chunks. */
  readonly chunked: boolean;
  caller: StreamCaller;
  private readonly input = new SendCredit();
  private readonly output = new ReceiveWindow();
  /** Chunks of input that came before a worker had the call. */
  private early: Uint8Array[] = [];
  private inputEnded = false;
  /** Sends a message to the worker that has, or had, the call. */
  private send: ((message: Message) => void) | undefined;
  /** How the call ends once the caller has taken every chunk. */
  private ending: Outcome | undefined;
  private lastMove: number;
  private cancelTimer: (() => void) | undefined;

  /** @param idleMs - milliseconds without a chunk, in either direction, after which the call expires */
  constructor(
    private readonly call: StreamOwner,
    { chunked, caller }: Pick<StreamInvocation, 'chunked' | 'caller'>,
    private readonly idleMs: number,
  ) {
    this.chunked = chunked;
    this.caller = caller;
    this.lastMove = call.acceptedAt;
  }

  /** Starts the timer that lets the call expire. Returns a function that stops it. */
  watch(): () => void {
    this.startTimer();
    return () => this.cancelTimer?.();
  }

  /** Why the call has expired, for its error message. */
  get expiryReason(): string {
    const { acceptedAt, startedAt, timeoutMs } = this.call;
    if (performance.now() - acceptedAt >= timeoutMs) return deadlinePassed(timeoutMs, startedAt > 0);
    const idle = formatDuration(this.idleMs);
    if (startedAt === 0) return `the timeout of ${idle} passed in the queue`;
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

  /** To be called when a worker has the call: sends it the input that has come before. */
  open(send: (message: Message) => void): void {
    this.send = send;
    this.touch();
    const { wireId } = this.call;
    for (const body of this.early) send({ type: 'DATA', id: wireId, body });
    this.early = [];
    if (this.chunked && this.inputEnded) send({ type: 'END', id: wireId });
  }

  /** The Handler has chosen status and headers of its answer. */
  head(head: ReplyHead): void {
    if (!this.over) this.caller.head(head);
  }

  /** The worker has sent a chunk of output. Throws a FrameError when it had no credit for the chunk. */
  receive(chunk: Output): void {
    const { length } = chunk.output;
    if (this.over) return;
    this.output.receive(length);
    this.touch();
    this.caller.chunk(chunk);
  }

  /** The worker gives credit for `bytes` more bytes of input. */
  grant(bytes: number): void {
    if (this.over) return;
    const before = this.input.open;
    this.input.grant(bytes);
    this.touch();
    if (!before && this.input.open) this.caller.room();
  }

  /** The worker has ended the call. It is settled once the caller has taken every chunk. */
  finish(outcome: Outcome): void {
    if (this.over) return;
    this.ending = outcome;
    this.settleWhenTaken(outcome);
  }

  /** Whether the worker has ended the call or the call is settled; the caller may still have chunks to take. */
  private get over(): boolean {
    return this.call.settled || this.ending !== undefined;
  }

  private settleWhenTaken(outcome: Outcome): void {
    if (this.output.empty) this.call.settle(outcome);
  }

  private touch(): void {
    this.lastMove = performance.now();
  }

  /** Uses one timer that checks again when it fires: a new timer for each chunk would cost more than the chunk. */
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

/** Why a call has expired that had a deadline, for its error message. @param begun - whether a Handler has begun it */
export function deadlinePassed(timeoutMs: number, begun: boolean): string {
  return `the deadline of ${formatDuration(timeoutMs)} passed ${begun ? 'in the Handler' : 'in the queue'}`;
}
