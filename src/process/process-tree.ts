import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { errorCode } from '../core/errors.js';

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

/** What the kernel gives at once: whole lines, whole numbers. */
const page = Buffer.alloc(4096);

/** `readFileSync` takes three times as long: it asks for the size first, and reads until nothing comes. */
function readSmall(path: string): string {
  const file = openSync(path, 'r');
  try {
    return page.toString('latin1', 0, readSync(file, page, 0, page.length, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * The children of a process, those that it started first in front; empty when it is gone. Each thread has a list of its own.
 * https://docs.kernel.org/filesystems/proc.html
 */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readSmall(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
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
 * tell. A process that is gone meanwhile counts nothing. The kernel walks through all their pages for it, so this is for the rare case.
 */
export async function readShared(pids: readonly number[]): Promise<number | undefined> {
  try {
    const shares = await Promise.all(pids.map(readShare));
    return shares.reduce((sum, share) => sum + share, 0);
  } catch {
    return undefined;
  }
}

/** The memory of a process in bytes, of a page that several have its part of it; 0 when it is gone. */
async function readShare(pid: number): Promise<number> {
  try {
    return field(await readFile(`/proc/${pid}/smaps_rollup`, 'latin1'), /^Pss:\s+(\d+) kB$/m);
  } catch (error) {
    // The kernel answers ESRCH for a process that has ended and that its parent has not asked about yet.
    if (errorCode(error) === 'ESRCH' || !existsSync(`/proc/${pid}`)) return 0;
    throw error;
  }
}

function readMemory(pid: number): ProcessMemory | undefined {
  try {
    const text = readSmall(`/proc/${pid}/status`);
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
