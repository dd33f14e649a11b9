import type { Readable } from 'node:stream';
import { DcfError } from '../../core/errors.js';
import { RateLimiter } from '../../core/rate-limiter.js';
import type { LogLine } from '../output/log-line.js';
import { readLines } from '../output/output-lines.js';
import type { EndReason } from './end-reason.js';

const keptStartLines = 20;
/** They cost the daemon about a tenth of a core; the others are dropped and counted. */
const maxLinesPerSecond = 10_000;

/** What a replica writes: its lines, bounded, and the last ones of its start for an error that explains it. */
export class ReplicaOutput {
  private starting = true;
  private startLines: string[] = [];
  private readonly lines = new RateLimiter(maxLinesPerSecond, (missing) => this.tellMissing(missing));

  constructor(private readonly log: (line: LogLine) => void) {}

  /** Whether the log takes one more line of a Handler; one that it does not take is counted. */
  takesLine(): boolean {
    return this.lines.take();
  }

  /** Logs each line of a stream of the process. */
  read(stream: Readable, level: LogLine['level']): void {
    readLines(stream, this.lines, (text, part) => {
      this.tell({ time: Date.now(), level, text, callId: '', worker: 0, part });
    });
  }

  /** Logs a line that a Handler wrote. */
  tell(line: LogLine): void {
    if (this.starting) this.startLines = [...this.startLines, line.text].slice(-keptStartLines);
    this.log(line);
  }

  /** The Handlers are built. */
  started(): void {
    this.starting = false;
    this.startLines = [];
  }

  /** Why a start failed of which the Handler said nothing itself: with what the process printed. */
  startError(end: EndReason): DcfError {
    const output = this.startLines.join('\n');
    const cause = new Error(end.text);
    cause.stack = output === '' ? end.text : output;
    return new DcfError('FAILED_PRECONDITION', `the Handler could not be built: ${end.text}`, { cause, reason: end.reason });
  }

  /** Nothing more comes: tells of what is missing. */
  end(): void {
    this.lines.flush();
  }

  private tellMissing(missing: number): void {
    const text = `${missing} lines are missing here: a replica may log ${maxLinesPerSecond} in a second`;
    this.log({ time: Date.now(), level: 'warn', text, callId: '', worker: 0, missing });
  }
}
