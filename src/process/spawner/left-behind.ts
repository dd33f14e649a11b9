import { readdir, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** Every process that a replica starts has this variable from it, unless it is given an environment of its own. */
export const markName = 'DCF_REPLICA_MARK';

/** At most one look in this time: each reads a file of every process on the host. */
const intervalMs = 1_000;
/** What goes on starting others faster than they are ended is let be. */
const maxLooks = 10;

/**
 * Ends what replicas have started and left behind: programs in sessions of their own, or whose parents have gone, which the kill of
 * a process group does not reach. They are found by a variable in their environment; only Linux tells of it.
 */
export class LeftBehind {
  private readonly marks = new Set<string>();
  private looking: Promise<void> | undefined;
  private hurried = new AbortController();

  /** The replica with this mark has ended: so does all that still has it. */
  end(mark: string): void {
    if (process.platform !== 'linux') return;
    this.marks.add(mark);
    this.looking ??= this.lookAll();
  }

  /** Resolves when nothing is left of those that have ended. */
  async done(): Promise<void> {
    this.hurried.abort();
    await this.looking;
  }

  private async lookAll(): Promise<void> {
    while (this.marks.size > 0) {
      const marks = [...this.marks];
      this.marks.clear();
      for (let looks = 0; looks < maxLooks && (await endMarked(marks)); looks++);
      // It holds up no process's end.
      await setTimeout(intervalMs, undefined, { ref: false, signal: this.hurried.signal }).catch(() => undefined);
    }
    this.looking = undefined;
  }
}

/** Ends every process that has one of the marks; whether there was any. */
async function endMarked(marks: readonly string[]): Promise<boolean> {
  const wanted = marks.map((mark) => `${markName}=${mark}`);
  let found = false;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const variables = await variablesOf(pid);
    if (!wanted.some((variable) => variables.includes(variable))) continue;
    found = kill(Number(pid)) || found;
  }
  return found;
}

/** Empty for one that is gone, or another user's. https://man7.org/linux/man-pages/man5/proc_pid_environ.5.html */
async function variablesOf(pid: string): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
