import { type FunctionLogEntry, isWanted, type LogQuery, lossOf, notice } from './log-entry.js';

/** How many characters an entry counts besides its text. */
const entryOverhead = 200;

/** Passes the new entries of a log to one reader. A reader that is too slow misses some, and is told how many. */
export class LogFollower {
  private queue: FunctionLogEntry[] = [];
  private queuedLength = 0;
  private dropped = 0;
  private ended = false;
  private abandoned = false;
  private reason: Error | undefined;
  private wake = (): void => undefined;

  /**
   * @param maxLength - the most characters of entries that wait for the reader
   */
  constructor(
    private readonly query: LogQuery,
    private readonly maxLength: number,
  ) {}

  push(entry: FunctionLogEntry): void {
    if (this.ended || !isWanted(entry, this.query)) return;
    // After one is dropped, all are, until the reader has caught up: so a single notice tells how many are missing.
    if (this.dropped > 0 || this.queuedLength > this.maxLength) {
      this.dropped += lossOf(entry);
    } else {
      this.queue.push(entry);
      this.queuedLength += entry.text.length + entryOverhead;
    }
    this.wake();
  }

  /** Ends the entries. @param reason - thrown to the reader after the last entry; without it the reader just ends */
  end(reason?: Error): void {
    this.reason ??= reason;
    this.ended = true;
    this.wake();
  }

  /** To be called when the reader has left: ends at once, and drops all waiting entries. */
  abandon(): void {
    this.abandoned = true;
    this.queue = [];
    this.dropped = 0;
    this.end();
  }

  /** The entries in order, until the end. Throws the reason that `end` was given. */
  async *entries(): AsyncGenerator<FunctionLogEntry> {
    for (;;) {
      const { queue, dropped } = this;
      this.queue = [];
      this.queuedLength = 0;
      this.dropped = 0;
      for (const entry of queue) {
        if (this.abandoned) return;
        yield entry;
      }
      if (dropped > 0) yield notice(`${dropped} entries are missing here: they came faster than they were read`);
      if (this.queue.length > 0 || this.dropped > 0) continue;
      if (this.ended) return this.leave();
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private leave(): void {
    if (this.reason !== undefined && !this.abandoned) throw this.reason;
  }
}
