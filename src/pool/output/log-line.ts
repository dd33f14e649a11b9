import type { LogLevel } from '../../wire/messages.js';
import type { LinePart } from './open-line.js';

/** A line of a function's log, before it is numbered and stored. */
export interface LogLine {
  /** Unix milliseconds. */
  time: number;
  level: LogLevel;
  text: string;
  /** The call's request id; empty when the line belongs to no call. */
  callId: string;
  worker: number;
  /** Set when this is a part of a line that had not ended. */
  part?: LinePart;
  /** Number of lines that were dropped just before this one. */
  missing?: number;
}
