import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

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

/** Only Linux tells; elsewhere it is known that it runs. Field 22 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the second may have blanks and brackets in it. */
function startTimeOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return 'unknown';
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, ...others] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // One that nobody has waited for has ended all the same.
    return state === 'Z' || state === 'X' ? undefined : others[18];
  } catch {
    return undefined;
  }
}
