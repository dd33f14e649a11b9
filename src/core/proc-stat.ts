import { readFileSync } from 'node:fs';

/** What Linux says of a process in /proc/PID/stat. */
export interface ProcessStat {
  /** One letter; `Z` (a zombie) and `X` have ended. */
  state: string;
  parent: number;
  /** Processor time in user mode and in the kernel, in clock ticks. */
  ticks: number;
  /** Clock ticks from the system's start to its own: with its id it names one process for good, as an id alone may be given again. */
  startTime: string;
}

/** Reads /proc/PID/stat; `undefined` when there is no such process, or no /proc. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/**
 * The fields of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, in which the name, in brackets, may hold blanks and brackets.
 *
 * @returns `undefined` for a text that has too few of them
 */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const [state, parent, ...others] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks, startTime] = [others[9], others[10], others[17]];
  if (state === undefined || startTime === undefined) return undefined;
  return { state, parent: Number(parent), ticks: Number(userTicks) + Number(systemTicks), startTime };
}

/** Whether a process has ended, although nobody may have waited for it yet. */
export function hasEnded({ state }: ProcessStat): boolean {
  return state === 'Z' || state === 'X';
}
