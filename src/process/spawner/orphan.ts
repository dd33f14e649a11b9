import { setTimeout } from 'node:timers/promises';
import { hasEnded, readProcessStat } from '../../core/proc-stat.js';

/** A process that is no child of this one. Its number alone may come to stand for another. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks from the system's start to its own; `undefined` when it is gone. */
  startTime: string | undefined;
}

const intervalMs = 100;

/** Which process a number stands for now. */
export function identify(pid: number): ProcessIdentity {
  return { pid, startTime: startTimeOf(pid) };
}

/** Resolves when it is gone. */
export async function whenGone({ pid, startTime }: ProcessIdentity): Promise<void> {
  while (startTime !== undefined && startTimeOf(pid) === startTime) await setTimeout(intervalMs, undefined, { ref: false });
}

/** Only Linux tells; elsewhere it is known that it runs. */
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
