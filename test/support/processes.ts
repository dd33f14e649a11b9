import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { hasEnded, readProcessStat } from '../../src/core/proc-stat.js';

/** Whether a process runs. One that has ended but was not waited for (a zombie) does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = readProcessStat(pid);
  return stat === undefined ? process.platform !== 'linux' : !hasEnded(stat);
}

/**
 * The processes that run in a folder or below it, as every replica and every installer of a daemon does in its data
 * directory. Only Linux tells; elsewhere it finds none.
 */
export function processesIn(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        const directory = readlinkSync(`/proc/${pid}/cwd`);
        return directory === folder || directory.startsWith(`${folder}/`);
      } catch {
        // It has gone, or is not ours.
        return false;
      }
    });
}

/** A busy machine may need as long for what takes a second otherwise. */
const patienceMs = 60_000;

/** Resolves when `check` is true; for what nobody tells of. Throws after a minute, naming what was waited for. */
export async function eventually(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + patienceMs;
  while (!(await check())) {
    if (Date.now() > until) throw new Error(`it did not come about within ${patienceMs / 1000} s that ${what}`);
    await setTimeout(10);
  }
}
