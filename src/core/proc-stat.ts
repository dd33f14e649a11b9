import { readFileSync } from 'node:fs';

/** The state of a process in /proc/PID/stat of Linux. */
export interface ProcessStat {
  /** One letter. Processes in state `Z` (zombie) or `X` have ended. */
  state: string;
  /** The id of the parent process. */
  parent: number;
  /** Processor time in user mode and in the kernel, in clock ticks. */
  ticks: number;
  /** The time of its start, in clock ticks since the system's start. With the id it identifies a process: ids alone are used again. */
  startTime: string;
}

/** Reads /proc/PID/stat; `undefined` if there is no such process, or no /proc. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/**
 * Parses the text of /proc/PID/stat (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). The name, in brackets, may have blanks and
 * brackets in it.
 *
 * @returns `undefined` for a text with too few fields
 */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const [state, parent, ...others] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks, startTime] = [others[9], others[10], others[17]];
  if (state === undefined || startTime === undefined) return undefined;
  return { state, parent: Number(parent), ticks: Number(userTicks) + Number(systemTicks), startTime };
}

/** Whether a process has ended, also if its parent has not waited for it yet. */
export function hasEnded({ state }: ProcessStat): boolean {
  return state === 'Z' || state === 'X';
}
