import { readdirSync, readFileSync } from 'node:fs';
import { readProcessStat } from '../../../src/core/proc-stat.js';
import { processesIn } from '../processes.js';

/** What a process holds. */
export interface Usage {
  /** Open descriptors. */
  descriptors: number;
  /** Process ids of all that it started, directly or not, and of whatever runs in its data directory. */
  processes: number[];
  /** Resident memory in bytes. */
  memory: number;
}

/** Reads from /proc what a daemon holds; Linux only. */
export function usageOf(pid: number, data: string): Usage {
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    processes: [...new Set([...processesIn(data), ...descendantsOf(pid)])].sort((a, b) => a - b),
    memory: residentMemory(pid),
  };
}

/** Resident memory of a process, in bytes. */
export function residentMemory(pid: number): number {
  const [, kibibytes = ''] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kibibytes) * 1024;
}

function descendantsOf(pid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = readProcessStat(Number(entry))?.parent;
    if (parent !== undefined) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(entry)]);
  }
  const found: number[] = [];
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const children = childrenOf.get(next) ?? [];
    found.push(...children);
    waiting.push(...children);
  }
  return found;
}
