import { finished, type Readable } from 'node:stream';
import { DcfError } from '../../core/errors.js';
import { RateLimiter } from '../../core/rate-limiter.js';
import type { LogLine } from '../output/log-line.js';
import { readLines } from '../output/output-lines.js';
import type { EndReason } from './end-reason.js';

const keptStartLines = 20;
/** This many lines cost the daemon about a tenth of a core; the others are dropped and counted. */
const maxLinesPerSecond = 10_000;

/** The log lines of a replica, limited in their rate. The last ones of a start are kept for the error, should it fail. */
export class ReplicaOutput {
  private starting = true;
  private startLines: string[] = [];
  private readonly streams: Promise<void>[] = [];
  private readonly lines = new RateLimiter(maxLinesPerSecond, (missing) => this.tellMissing(missing));

  constructor(private readonly log: (line: LogLine) => void) {}

  /** Whether the log takes one more line of a Handler; a line that it does not take is counted. */
  takesLine(): boolean {
    return this.lines.take();
  }

  /** Logs each line of the process's stdout or stderr. */
  read(stream: Readable, level: LogLine['level']): void {
    readLines(stream, this.lines, (text, part) => {
      this.tell({ time: Date.now(), level, text, callId: '', worker: 0, part });
    });
    this.streams.push(new Promise((resolve) => finished(stream, { writable: false }, () => resolve())));
  }

  /** Waits until all that the process printed has been read. */
  async readToEnd(): Promise<void> {
    await Promise.all(this.streams);
  }

  /** Logs a line that a Handler wrote. */
  tell(line: LogLine): void {
    if (this.starting) this.startLines = [...this.startLines, line.text].slice(-keptStartLines);
    this.log(line);
  }

  /** To be called when the Handlers are built. */
  started(): void {
    this.starting = false;
    this.startLines = [];
  }

  /** The error for a start that failed before the Handler reported an error itself. Its `cause` has what the process printed. */
  startError(end: EndReason): DcfError {
    const output = this.startLines.join('\n');
    const cause = new Error(end.text);
    cause.stack = output === '' ? end.text : output;
    return new DcfError('FAILED_PRECONDITION', `the Handler could not be built: ${end.text}`, { cause, reason: end.reason });
  }

  /** To be called when no more lines come: logs how many were dropped since the last report. */
  end(): void {
    this.lines.flush();
  }

  private tellMissing(missing: number): void {
    const text = `${missing} lines were dropped here: a replica may log at most ${maxLinesPerSecond} lines a second`;
    this.log({ time: Date.now(), level: 'warn', text, callId: '', worker: 0, missing });
  }
}
