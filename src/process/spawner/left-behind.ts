import { readdir, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** Processes that a replica starts inherit this variable, unless they are given an environment of their own. */
export const markName = 'DCF_REPLICA_MARK';

/** Pause between two searches: each reads a file of every process on the host. */
const intervalMs = 1_000;
/** The most searches for one replica: a program that starts others faster than they are killed is given up. */
const maxLooks = 10;

/**
 * Kills the processes that replicas have left behind: programs outside the replica's process group, which the kill of the group does
 * not reach. They are found by a variable in their environment, which only Linux shows.
 */
export class LeftBehind {
  private readonly marks = new Set<string>();
  private looking: Promise<void> | undefined;
  private hurried = new AbortController();

  /** To be called when the replica with this mark has ended: kills every process that still has the mark. */
  end(mark: string): void {
    if (process.platform !== 'linux') return;
    this.marks.add(mark);
    this.looking ??= this.lookAll();
  }

  /** Resolves when the processes of all ended replicas were searched for; does not wait between searches any more. */
  async done(): Promise<void> {
    this.hurried.abort();
    await this.looking;
  }

  private async lookAll(): Promise<void> {
    while (this.marks.size > 0) {
      const marks = [...this.marks];
      this.marks.clear();
      for (let looks = 0; looks < maxLooks && (await endMarked(marks)); looks++);
      // This timer keeps no process running.
      await setTimeout(intervalMs, undefined, { ref: false, signal: this.hurried.signal }).catch(() => undefined);
    }
    this.looking = undefined;
  }
}

/** Kills every process that has one of the marks. Returns whether there was any. */
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

/** The environment of a process; empty when it is gone or belongs to another user. https://man7.org/linux/man-pages/man5/proc_pid_environ.5.html */
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
