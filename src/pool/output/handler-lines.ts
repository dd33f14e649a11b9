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
  /** More of the line is to come. */
  open?: boolean | undefined;
}

interface Begun {
  callId: string;
  line: OpenLine;
}

/** The lines that the Handler of one worker writes; those that it has begun are shown as they stand. */
export class HandlerLines {
  private readonly begun = new Map<string, Begun>();

  constructor(
    private readonly worker: number,
    private readonly log: (line: LogLine) => void,
  ) {}

  take({ id, callId, level, time, text, open = false }: HandlerLine): void {
    const { worker } = this;
    // A progress bar writes its states into one line; an entry of several lines is none, and is kept as it is.
    const hasStates = text.includes('\r') && !text.includes('\n');
    if (!open && this.begun.size === 0 && !hasStates) {
      this.log({ time, level, text, callId, worker });
      return;
    }
    const key = `${id} ${level}`;
    let begun = this.begun.get(key);
    // The number may be another call's by now.
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

  /** Nothing more comes. */
  close(): void {
    for (const { line } of this.begun.values()) line.close();
    this.begun.clear();
  }
}
