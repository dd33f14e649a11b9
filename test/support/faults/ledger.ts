/** How much later than its deadline an answer may come, in milliseconds, on a machine that keeps its timers. */
export const allowedLatenessMs = 250;

/** A call that the ledger has seen begin. */
export interface LedgerEntry {
  /** An answer has come. */
  settle(): void;
}

/**
 * What a client knows of its calls: that each is answered exactly once, and no later than its deadline allows. The time by which
 * this process's own timer for the same deadline is late is taken off, so that a busy machine is no fault of the daemon's.
 */
export class Ledger {
  private readonly open = new Set<Entry>();
  private readonly found: string[] = [];
  private begun = 0;

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
    const entry = new Entry(`call ${this.begun} (${what})`, timeoutMs, (problem) => {
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
  private answers = 0;

  constructor(
    readonly what: string,
    timeoutMs: number,
    private readonly onAnswer: (problem: string | undefined) => void,
  ) {
    this.deadline = performance.now() + timeoutMs;
    this.timer = setTimeout(() => {
      this.deadlineSeen = performance.now();
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
    const late = performance.now() - Math.max(this.deadline, this.deadlineSeen);
    return late > allowedLatenessMs ? `${this.what} was answered ${Math.round(late)} ms after its deadline` : undefined;
  }
}
