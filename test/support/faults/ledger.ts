import { readFileSync } from 'node:fs';

/** How much later than its deadline an answer may come, in milliseconds, on a machine that keeps its timers. */
export const allowedLatenessMs = 250;

/** A call that the ledger has seen begin. */
export interface LedgerEntry {
  /** An answer has come. */
  settle(): void;
}

/**
 * What a client knows of its calls: that each is answered exactly once, and no later than its deadline allows. The time by which
 * this process's own timer for the same deadline is late is taken off, and the time for which the daemon waited for a processor since
 * then, so that a busy machine is no fault of the daemon's.
 */
export class Ledger {
  private readonly open = new Set<Entry>();
  private readonly found: string[] = [];
  private begun = 0;

  /** @param waited - for how long the daemon has waited for a processor until now, in milliseconds. @default not at all */
  constructor(private readonly waited: () => number = () => 0) {}

  /** How many calls have begun. */
  get calls(): number {
    return this.begun;
  }

  /**
   * Notes a call down.
   *
   * @param what - names it in a problem
   * @param timeoutMs - until its deadline
   */
  begin(what: string, timeoutMs: number): LedgerEntry {
    this.begun += 1;
    const entry = new Entry(`call ${this.begun} (${what})`, timeoutMs, this.waited, (problem) => {
      this.open.delete(entry);
      if (problem !== undefined) this.found.push(problem);
    });
    this.open.add(entry);
    return entry;
  }

  /** Notes down a call whose answer is a promise, which is then returned. */
  follow<Result>(what: string, timeoutMs: number, answer: Promise<Result>): Promise<Result> {
    const entry = this.begin(what, timeoutMs);
    const settle = (): void => entry.settle();
    answer.then(settle, settle);
    return answer;
  }

  /** What is wrong: calls that were answered twice, late, or not yet. */
  problems(): string[] {
    return [...this.found, ...[...this.open].map((entry) => `${entry.what} was never answered`)];
  }

  /** Stops the timers of calls that are still open. */
  close(): void {
    for (const entry of this.open) entry.giveUp();
  }
}

class Entry implements LedgerEntry {
  private readonly deadline: number;
  private readonly timer: NodeJS.Timeout;
  /** When this process's own timer for the deadline ran. */
  private deadlineSeen: number | undefined;
  /** For how long the daemon had waited for a processor then. */
  private waitedBefore = 0;
  private answers = 0;

  constructor(
    readonly what: string,
    timeoutMs: number,
    private readonly waited: () => number,
    private readonly onAnswer: (problem: string | undefined) => void,
  ) {
    this.deadline = performance.now() + timeoutMs;
    this.timer = setTimeout(() => {
      this.deadlineSeen = performance.now();
      this.waitedBefore = waited();
    }, timeoutMs);
  }

  settle(): void {
    this.answers += 1;
    if (this.answers === 1) this.onAnswer(this.lateness());
    else this.onAnswer(`${this.what} was answered ${this.answers} times`);
    clearTimeout(this.timer);
  }

  giveUp(): void {
    clearTimeout(this.timer);
  }

  private lateness(): string | undefined {
    // While the timer has not run, all that is late is this process.
    if (this.deadlineSeen === undefined) return undefined;
    const starved = this.waited() - this.waitedBefore;
    const late = performance.now() - Math.max(this.deadline, this.deadlineSeen) - starved;
    return late > allowedLatenessMs ? `${this.what} was answered ${Math.round(late)} ms after its deadline` : undefined;
  }
}

/**
 * For how long the main thread of a process has waited for a processor, in milliseconds: 0 when the process has ended, or the system does not
 * tell (https://docs.kernel.org/scheduler/sched-stats.html, "/proc/<pid>/schedstat").
 */
export function waitedForProcessor(pid: number): number {
  try {
    const [, waited = '0'] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(waited) / 1e6;
  } catch {
    return 0;
  }
}
