import type { DaemonReport } from '@dcf/sdk/contract';
import { formatSize } from '@dcf/sdk/units';
import { RateLimiter } from '../core/rate-limiter.js';
import type { FunctionLogEntry } from './log-entry.js';

/** The most lines of one function per second: with short calls, more lines would cost more than the calls themselves. */
const maxLines = 100;

/** Writes a line for each call of one function, up to a number per second, and how many calls are left out. */
export class CallLog {
  private readonly lines = new RateLimiter(maxLines, (unwritten) => this.tellUnwritten(unwritten));

  constructor(private readonly write: (entry: FunctionLogEntry) => void) {}

  /**
   * Writes a line for a call that has ended, unless there are too many.
   *
   * @param status - the call's gRPC status, such as `OK`, and what should follow it
   * @param report - makes the call's report; called before this returns, and only if a line is written
   */
  append(status: string, report: () => DaemonReport): void {
    if (!this.lines.take()) return;
    const facts = report();
    const { id, replica, worker, revision } = facts;
    this.write({ time: Date.now(), level: 'info', text: formatCall(status, facts), callId: id, replica, worker, revision });
  }

  /** Writes now how many calls were left out. */
  close(): void {
    this.lines.flush();
  }

  /** Forgets how many calls were left out. */
  forget(): void {
    this.lines.forget();
  }

  private tellUnwritten(unwritten: number): void {
    const text = `${unwritten} calls are not logged here: at most ${maxLines} a second are`;
    this.write({ time: Date.now(), level: 'info', text, callId: '', replica: 0, worker: 0, revision: '' });
  }
}

/** A call in one line, such as `REPORT queue=0.2ms run=12.1ms cold replica=1 worker=0 batch=4 provider=cpu status=OK`. */
export function formatCall(status: string, facts: DaemonReport): string {
  const { queueMs, runMs, cold, replica, worker, batchSize, providers, memory, peakMemory, caller } = facts;
  const parts = ['REPORT', `queue=${milliseconds(queueMs)}`];
  if (caller !== undefined) parts.push(`caller=${caller}`);
  // A call that no replica got has no other values.
  if (replica > 0) {
    parts.push(`run=${milliseconds(runMs)}`, cold ? 'cold' : 'warm', `replica=${replica}`, `worker=${worker}`, `batch=${batchSize}`);
    if (providers.length > 0) parts.push(`provider=${providers.join(',')}`);
    if (memory > 0) parts.push(`memory=${compact(memory)}`);
    if (peakMemory > 0) parts.push(`peak=${compact(peakMemory)}`);
  }
  return [...parts, `status=${status}`].join(' ');
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)}ms`;
}

function compact(bytes: number): string {
  return formatSize(bytes).replace(' ', '');
}
