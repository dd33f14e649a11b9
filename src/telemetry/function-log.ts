import { startTimer } from '../core/deadline.js';
import { TaskQueue } from '../core/task-queue.js';
import { encodeEntry, type FunctionLogEntry, lossOf, notice } from './log-entry.js';
import type { LogFiles } from './log-files.js';
import type { LogFollower } from './log-follower.js';
import type { LogSnapshot } from './log-reader.js';

export interface FunctionLogOptions {
  files: LogFiles;
  /** The most bytes of lines that wait to be written. */
  maxBufferBytes: number;
  /** Reports that lines could not be written. */
  onFailure: (error: unknown) => void;
}

/** Lines that come within this time are written together: most calls have several, and each write opens the file. */
const gatherMs = 20;

/** The log of one function: takes entries at once, writes them a little later, and passes them to its followers. */
export class FunctionLog {
  private readonly followers = new Set<LogFollower>();
  private readonly work = new TaskQueue();
  private lines: string[] = [];
  /** Bytes of `lines`, and of the lines that are being written. */
  private bufferedBytes = 0;
  private dropped = 0;
  private cancelTimer: (() => void) | undefined;
  /** Whether a write is queued. */
  private writing = false;
  /** Whether it has got entries since it was made, or deleted last. */
  private used = false;

  constructor(private readonly options: FunctionLogOptions) {}

  /** Whether another object would do as well: it has got no entries, and nobody reads or follows it. */
  get replaceable(): boolean {
    return !this.used && this.followers.size === 0 && this.work.idle;
  }

  append(entry: FunctionLogEntry): void {
    this.used = true;
    for (const follower of this.followers) follower.push(entry);
    const line = `${encodeEntry(entry)}\n`;
    const bytes = Buffer.byteLength(line);
    if (this.bufferedBytes + bytes > this.options.maxBufferBytes) {
      this.dropped += lossOf(entry);
    } else {
      this.lines.push(line);
      this.bufferedBytes += bytes;
    }
    this.cancelTimer ??= startTimer(gatherMs, () => this.writeSoon());
    // Written early, so that the buffer has room for the lines that come meanwhile.
    if (this.bufferedBytes > this.options.maxBufferBytes / 4) this.writeSoon();
  }

  /** The content of the log now. @param follower - gets all entries after that, and no others */
  snapshot(follower?: LogFollower): Promise<LogSnapshot> {
    return this.work.run(async () => {
      await this.write();
      const files = await this.options.files.openAll();
      // Nothing is being written now, and this turn of the event loop adds no entry: none is lost or comes twice.
      if (follower !== undefined) this.followers.add(follower);
      return { files, lines: [...this.lines, ...missingLines(this.dropped)] };
    });
  }

  unfollow(follower: LogFollower): void {
    this.followers.delete(follower);
  }

  /** Waits until all entries are written, and ends all followers with this error. */
  async close(reason: Error): Promise<void> {
    this.cancelTimer?.();
    await this.work.run(() => this.write());
    this.endFollowers(reason);
  }

  /** Removes all entries and files, and ends all followers with this error. */
  async delete(reason: Error): Promise<void> {
    // A write of nothing would come while the files are removed, and keep this in memory.
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.forget();
    this.endFollowers(reason);
    await this.work.run(() => this.options.files.delete());
  }

  private writeSoon(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    if (this.writing) return;
    this.writing = true;
    void this.work.run(async () => {
      this.writing = false;
      await this.write();
    });
  }

  private endFollowers(reason: Error): void {
    for (const follower of this.followers) follower.end(reason);
    this.followers.clear();
  }

  private forget(): void {
    for (const line of this.lines) this.bufferedBytes -= Buffer.byteLength(line);
    this.lines = [];
    this.dropped = 0;
    this.used = false;
  }

  /** Writes the lines that are there now. Lines that come meanwhile are written later, so that readers get their turn. */
  private async write(): Promise<void> {
    const { lines, dropped, bufferedBytes } = this;
    if (lines.length === 0 && dropped === 0) return;
    this.lines = [];
    this.dropped = 0;
    try {
      await this.options.files.append([...lines, ...missingLines(dropped)].join(''));
    } catch (error) {
      this.dropped += dropped + lines.length;
      this.options.onFailure(error);
    }
    this.bufferedBytes -= bufferedBytes;
  }
}

/** The line that says how many entries are missing; none when no entry is. */
function missingLines(dropped: number): string[] {
  if (dropped === 0) return [];
  return [`${encodeEntry(notice(`${dropped} entries are missing here: they could not be written in time`))}\n`];
}
