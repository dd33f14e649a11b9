import { formatDuration } from '@dcf/sdk/units';
import { startTimer } from '../../core/deadline.js';
import { DcfError } from '../../core/errors.js';
import type { Call, CallHolder } from '../calls/call.js';

export interface CallTerminationOptions {
  function: string;
  /** The calls that wait. */
  queue: { remove(call: Call): void };
  /** How long a Handler may run on past its call's deadline before its replica is condemned. */
  killGraceMs: number;
  /** How long the other calls of a condemned replica may go on. */
  condemnGraceMs: number;
  /** A replica was condemned. */
  onCondemned: () => void;
}

/**
 * Ends calls before they are answered: their deadline has passed, or their caller has given up. The caller hears of it at once;
 * the call keeps its slot until the worker answers, or until its deadline and the grace have passed.
 */
export class CallTermination {
  constructor(private readonly options: CallTerminationOptions) {}

  /** The deadline has passed: the Handler gets the grace to notice. */
  expire(call: Call): void {
    const { holder, begun } = call;
    this.options.queue.remove(call);
    call.markExpired();
    if (!call.settled) holder?.cancel(call);
    if (begun && holder !== undefined) this.startKillTimer(call, holder);
    const deadline = `the deadline of ${formatDuration(call.timeoutMs)} passed ${begun ? 'in the Handler' : 'in the queue'}`;
    call.fail(new DcfError('DEADLINE_EXCEEDED', `${this.options.function}: ${call.stream?.lateness ?? deadline}`));
    holder?.callAbandoned();
  }

  /** The caller has given up. */
  cancel(call: Call, error?: DcfError): void {
    if (call.settled) return;
    const { holder } = call;
    this.options.queue.remove(call);
    holder?.cancel(call);
    call.fail(error ?? new DcfError('CANCELLED', 'the caller gave up'));
    holder?.callAbandoned();
  }

  /** A call that was sent ahead has begun, perhaps just when its deadline had passed. */
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
