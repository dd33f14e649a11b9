import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { errorCode } from '../core/errors.js';

/** What a process has in memory, in bytes. */
export interface ProcessMemory {
  pid: number;
  /** Size of its address space. */
  size: number;
  /** Resident memory now. */
  rss: number;
  /** The most resident memory that it ever had. */
  peak: number;
}

/** Only this many processes are read, so that a function that starts processes without end costs the daemon little. */
const maxProcesses = 256;

/** The kernel gives at most one page at once; it cuts no line or number in it. */
const page = Buffer.alloc(4096);

/** Reads a small file of the kernel. `readFileSync` takes three times as long: it asks for the size first, and reads until nothing comes. */
function readSmall(path: string): string {
  const file = openSync(path, 'r');
  try {
    return page.toString('latin1', 0, readSync(file, page, 0, page.length, 0));
  } finally {
    closeSync(file);
  }
}

/**
 * The children of a process in the order of their start; empty when it is gone. Each thread has a list of its own.
 * https://docs.kernel.org/filesystems/proc.html
 *
 * @param folder - where the kernel shows its processes. @default `/proc`
 */
export function childrenOf(pid: number, folder = '/proc'): number[] {
  try {
    return readdirSync(`${folder}/${pid}/task`).flatMap((thread) =>
      readSmall(`${folder}/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
    );
  } catch {
    // The process, or one of its threads, is gone.
    return [];
  }
}

/**
 * Reads the memory of a process and of all that it started, of 256 processes at most; empty when the process is gone.
 *
 * @param folder - where the kernel shows its processes. @default `/proc`
 */
export function readTree(pid: number, folder = '/proc'): ProcessMemory[] {
  const found: ProcessMemory[] = [];
  let visited = 0;
  const visit = (next: number, parent: ProcessMemory | undefined): void => {
    if (visited >= maxProcesses) return;
    visited += 1;
    const memory = readMemory(next, folder);
    if (memory === undefined) return;
    // A process that was just forked has the size of its parent and shares all its memory, which is counted there.
    if (memory.size !== parent?.size) found.push(memory);
    for (const child of childrenOf(next, folder)) visit(child, memory);
  };
  visit(pid, undefined);
  return found;
}

/**
 * The memory of some processes together, in bytes, with shared pages counted once; `undefined` where the kernel does not tell. A
 * process that is gone counts nothing. The kernel walks through all pages for it, so it has to be asked for rarely.
 */
export async function readShared(pids: readonly number[]): Promise<number | undefined> {
  try {
    const shares = await Promise.all(pids.map(readShare));
    return shares.reduce((sum, share) => sum + share, 0);
  } catch {
    return undefined;
  }
}

/** The memory of a process in bytes, in which a page that N processes share counts as 1/N of a page; 0 when the process is gone. */
async function readShare(pid: number): Promise<number> {
  try {
    return field(await readFile(`/proc/${pid}/smaps_rollup`, 'latin1'), /^Pss:\s+(\d+) kB$/m);
  } catch (error) {
    // The kernel answers ESRCH for a zombie.
    if (errorCode(error) === 'ESRCH' || !existsSync(`/proc/${pid}`)) return 0;
    throw error;
  }
}

function readMemory(pid: number, folder: string): ProcessMemory | undefined {
  try {
    const text = readSmall(`${folder}/${pid}/status`);
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
