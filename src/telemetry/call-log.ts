import type { DaemonReport } from '@dcf/sdk/contract';
import { formatSize } from '@dcf/sdk/units';
import { RateLimiter } from '../core/rate-limiter.js';
import type { FunctionLogEntry } from './log-entry.js';

/** Lines of one function in a second; where calls are short, more would cost more than the calls themselves. */
const maxLines = 100;

/** Writes a line for each call of one function, so many in a second, and how many calls got none. */
export class CallLog {
  private readonly lines = new RateLimiter(maxLines, (unwritten) => this.tellUnwritten(unwritten));

  constructor(private readonly write: (entry: FunctionLogEntry) => void) {}

  /**
   * @param status - the call's gRPC status, such as `OK`, with what else is to follow it
   * @param report - called at once if at all: not where there are too many calls
   */
  append(status: string, report: () => DaemonReport): void {
    if (!this.lines.take()) return;
    const facts = report();
    const { id, replica, worker, revision } = facts;
    this.write({ time: Date.now(), level: 'info', text: formatCall(status, facts), callId: id, replica, worker, revision });
  }

  /** Tells now how many calls got no line. */
  close(): void {
    this.lines.flush();
  }

  /** As if there had been no call. */
  forget(): void {
    this.lines.forget();
  }

  private tellUnwritten(unwritten: number): void {
    const text = `${unwritten} calls got no line here: ${maxLines} a second is the most`;
    this.write({ time: Date.now(), level: 'info', text, callId: '', replica: 0, worker: 0, revision: '' });
  }
}

/** A call in one line, such as `REPORT queue=0.2ms run=12.1ms cold replica=1 worker=0 batch=4 provider=cpu status=OK`. */
export function formatCall(status: string, facts: DaemonReport): string {
  const { queueMs, runMs, cold, replica, worker, batchSize, providers, memory, peakMemory, caller } = facts;
  const parts = ['REPORT', `queue=${milliseconds(queueMs)}`];
  if (caller !== undefined) parts.push(`caller=${caller}`);
  // A call that no replica was given has no more to tell.
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
