import { startTimer } from '../../core/deadline.js';
import { DcfError } from '../../core/errors.js';
import type { Call, CallHolder } from '../calls/call.js';
import { deadlinePassed } from '../calls/call-stream.js';

export interface CallTerminationOptions {
  function: string;
  /** The queue of the pool. */
  queue: { remove(call: Call): void };
  /** Milliseconds that a Handler may run on past its call's deadline before its replica is condemned. */
  killGraceMs: number;
  /** Milliseconds that the other calls of a condemned replica may go on. */
  condemnGraceMs: number;
  /** Called when a replica was condemned. */
  onCondemned: () => void;
}

/**
 * Ends calls before they are answered, because their deadline has passed or their caller has given up. The caller is answered at
 * once; the call keeps its slot until the worker answers, or until the grace after its deadline has passed, too.
 */
export class CallTermination {
  constructor(private readonly options: CallTerminationOptions) {}

  /** Ends a call whose deadline has passed. Its Handler has `killGraceMs` to notice. */
  expire(call: Call): void {
    const { holder, begun } = call;
    this.options.queue.remove(call);
    call.markExpired();
    if (!call.settled) holder?.cancel(call);
    if (begun && holder !== undefined) this.startKillTimer(call, holder);
    const reason = call.stream?.expiryReason ?? deadlinePassed(call.timeoutMs, begun);
    call.fail(new DcfError('DEADLINE_EXCEEDED', `${this.options.function}: ${reason}`));
    holder?.callAbandoned();
  }

  /** Ends a call whose caller has given up. @param error - what the caller is told. @default a DcfError CANCELLED */
  cancel(call: Call, error?: DcfError): void {
    if (call.settled) return;
    const { holder } = call;
    this.options.queue.remove(call);
    holder?.cancel(call);
    call.fail(error ?? new DcfError('CANCELLED', 'the caller gave up'));
    holder?.callAbandoned();
  }

  /** To be called when a call that was sent ahead has begun: perhaps its deadline has just passed. */
  begun(call: Call): void {
    if (call.expired && call.holder !== undefined) this.startKillTimer(call, call.holder);
  }

  private startKillTimer(call: Call, holder: CallHolder): void {
    const { killGraceMs, condemnGraceMs, onCondemned } = this.options;
    const kill = (): void => {
      holder.condemnFor(call, condemnGraceMs);
      onCondemned();
    };
    call.setTimer(startTimer(killGraceMs, kill));
  }
}
