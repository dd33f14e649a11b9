import { readFile } from 'node:fs/promises';
import { DcfError, messageOf } from '@dcf/sdk/errors';
import { parseProcessStat } from '../../src/core/proc-stat.js';

/** What Linux says of one process; its children are not in it. */
export interface Usage {
  /** Seconds of processor time since its start, its own and the kernel's for it. */
  cpuSeconds: number;
  /** Bytes in memory. */
  residentBytes: number;
}

/** The unit of times in /proc: USER_HZ, 100 on every architecture that Node runs on (proc_pid_stat(5)). */
const ticksPerSecond = 100;

/** Looks at a process. Throws a DcfError FAILED_PRECONDITION where there is no /proc, or no such process any more. */
export async function readUsage(pid: number): Promise<Usage> {
  try {
    const [stat, status] = await Promise.all([readFile(`/proc/${pid}/stat`, 'latin1'), readFile(`/proc/${pid}/status`, 'latin1')]);
    return { cpuSeconds: parseCpuSeconds(stat), residentBytes: parseResidentBytes(status) };
  } catch (error) {
    if (DcfError.is(error)) throw error;
    throw new DcfError('FAILED_PRECONDITION', `process ${pid} cannot be looked at, which needs Linux: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Processor time in /proc/PID/stat, in seconds. */
export function parseCpuSeconds(stat: string): number {
  const { ticks } = parseProcessStat(stat) ?? {};
  if (ticks !== undefined && Number.isInteger(ticks)) return ticks / ticksPerSecond;
  throw new DcfError('INTERNAL', `this is no /proc/PID/stat: ${JSON.stringify(stat)}`);
}

/** The field VmRSS of /proc/PID/status, in bytes. */
export function parseResidentBytes(status: string): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  throw new DcfError('INTERNAL', 'there is no VmRSS in /proc/PID/status: the process has ended');
}
