import { formatDuration, formatSize } from '@dcf/sdk/units';
import type { Exit, MemoryEnd } from '../../process/process-exit.js';

/** Why the daemon ended a replica. */
export type KillReason =
  | { kind: 'deadline'; requestId: string }
  | { kind: 'protocol'; problem: string }
  | { kind: 'stream closed' }
  | { kind: 'init timeout'; limitMs: number }
  | { kind: 'stopped' };

/** How a replica ended: in words for callers and logs, and machine-readable for the trailer `dcf-reason`. */
export interface EndReason {
  text: string;
  reason: string;
}

/** Explains why a replica has ended. When the daemon killed it, that is the reason, and not the signal that the system reports. */
export function describeEnd(exit: Exit, killed: KillReason | undefined): EndReason {
  if (exit.memory !== undefined) return { text: describeMemory(exit.memory), reason: 'memory' };
  switch (killed?.kind) {
    case 'deadline':
      return { text: `it was killed because call ${killed.requestId} ran on past its deadline`, reason: 'deadline' };
    case 'protocol':
      return { text: `it broke the worker protocol: ${killed.problem}`, reason: 'protocol' };
    case 'stream closed':
      return { text: 'it closed its stream to the daemon', reason: 'stream-closed' };
    case 'init timeout':
      return { text: `it was not ready within initTimeout, which is ${formatDuration(killed.limitMs)}`, reason: 'init-timeout' };
    case 'stopped':
      return { text: 'it was stopped', reason: 'stopped' };
    case undefined:
      if (exit.signal !== null) return { text: `it was killed by ${exit.signal}`, reason: `signal:${exit.signal}` };
      if (exit.code === null) return { text: 'it ended; its exit status is unknown', reason: 'unknown' };
      return { text: `it exited with code ${exit.code}`, reason: `exit:${exit.code}` };
    default:
      return killed satisfies never;
  }
}

function describeMemory(memory: MemoryEnd): string {
  if (memory.kind === 'heap') return 'it ran out of JavaScript heap: the Handler keeps too much in memory, or limits.memory is too small';
  return `it used more memory than limits.memory allows: ${formatSize(memory.limit)}`;
}
