import { setTimeout } from 'node:timers/promises';
import { hasEnded, readProcessStat } from '../../core/proc-stat.js';

/** Identifies a process that is not a child of this one. Its pid alone is not enough: another process may get the same number later. */
export interface ProcessIdentity {
  pid: number;
  /** Its start time in clock ticks since the system's start; `undefined` when it is gone. */
  startTime: string | undefined;
}

const intervalMs = 100;

/** Identifies the process that has this number now. */
export function identify(pid: number): ProcessIdentity {
  return { pid, startTime: startTimeOf(pid) };
}

/** Resolves when the process is gone. It is checked every 100 ms. */
export async function whenGone({ pid, startTime }: ProcessIdentity): Promise<void> {
  while (startTime !== undefined && startTimeOf(pid) === startTime) await setTimeout(intervalMs, undefined, { ref: false });
}

/** The start time of a process, which only Linux shows. On other systems it is `unknown` while a process has this number. */
function startTimeOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return 'unknown';
  } catch {
    return undefined;
  }
  const stat = readProcessStat(pid);
  return stat === undefined || hasEnded(stat) ? undefined : stat.startTime;
}
