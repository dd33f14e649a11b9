import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** What a process has in memory, in bytes. */
export interface ProcessMemory {
  pid: number;
  /** Address space. */
  size: number;
  /** In memory now. */
  rss: number;
  /** The most that has ever been in memory. */
  peak: number;
}

/** No more than this are looked at, so that a function which starts processes without end costs the daemon little. */
const maxProcesses = 256;

/**
 * The children of a process, those that it started first in front; empty when it is gone. Each thread has a list of its own.
 * https://docs.kernel.org/filesystems/proc.html
 */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    // It, or one of its threads, has gone.
    return [];
  }
}

/** What a process and all that it started have in memory; empty when it is gone. */
export function readTree(pid: number): ProcessMemory[] {
  const found: ProcessMemory[] = [];
  const visit = (next: number, parent: ProcessMemory | undefined): void => {
    if (found.length >= maxProcesses) return;
    const memory = readMemory(next);
    if (memory === undefined) return;
    // A process that was forked just now still shares all that its parent has: nothing of it is more.
    if (memory.size !== parent?.size) found.push(memory);
    for (const child of childrenOf(next)) visit(child, memory);
  };
  visit(pid, undefined);
  return found;
}

/**
 * The memory of some processes together, in bytes, with what several share counted once; `undefined` where the kernel does not
 * tell. The kernel walks through all their pages for it, so this is for the rare case.
 */
export async function readShared(pids: readonly number[]): Promise<number | undefined> {
  try {
    const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/smaps_rollup`, 'latin1')));
    return texts.reduce((sum, text) => sum + field(text, /^Pss:\s+(\d+) kB$/m), 0);
  } catch {
    return undefined;
  }
}

function readMemory(pid: number): ProcessMemory | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    return {
      pid,
      size: field(text, /^VmSize:\s+(\d+) kB$/m),
      rss: field(text, /^VmRSS:\s+(\d+) kB$/m),
      peak: field(text, /^VmHWM:\s+(\d+) kB$/m),
    };
  } catch {
    return undefined;
  }
}

function field(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0) * 1024;
}
