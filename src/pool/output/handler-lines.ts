import type { LogLevel } from '../../wire/messages.js';
import type { LogLine } from './log-line.js';
import { OpenLine } from './open-line.js';

/** A line, or the beginning of one, that a Handler wrote. */
export interface HandlerLine {
  /** The number of its call on the stream; 0 for none. */
  id: number;
  callId: string;
  level: LogLevel;
  /** Unix milliseconds. */
  time: number;
  text: string;
  /** Whether more of the line will come. @default false */
  open?: boolean | undefined;
}

interface UnfinishedLine {
  callId: string;
  line: OpenLine;
}

/** The log lines of one worker's Handler. A line that has not ended is shown as far as it has come. */
export class HandlerLines {
  private readonly begun = new Map<string, UnfinishedLine>();

  constructor(
    private readonly worker: number,
    private readonly log: (line: LogLine) => void,
  ) {}

  take({ id, callId, level, time, text, open = false }: HandlerLine): void {
    const { worker } = this;
    // Carriage returns in a single line are a progress bar, whose states overwrite each other. An entry of several lines is kept unchanged.
    const hasStates = text.includes('\r') && !text.includes('\n');
    if (!open && this.begun.size === 0 && !hasStates) {
      this.log({ time, level, text, callId, worker });
      return;
    }
    const key = `${id} ${level}`;
    let begun = this.begun.get(key);
    // The number may belong to another call by now.
    if (begun !== undefined && begun.callId !== callId) begun.line.close();
    if (begun === undefined || begun.callId !== callId) {
      const line = new OpenLine((shown, part) => this.log({ time: Date.now(), level, text: shown, callId, worker, part }));
      begun = { callId, line };
      this.begun.set(key, begun);
    }
    if (open) {
      begun.line.add(text, 0);
      return;
    }
    this.begun.delete(key);
    begun.line.end(text);
  }

  /** To be called when no more lines come: shows what was not shown. */
  close(): void {
    for (const { line } of this.begun.values()) line.close();
    this.begun.clear();
  }
}
