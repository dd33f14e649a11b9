import type { LogLevel } from '../../wire/messages.js';
import type { LinePart } from './open-line.js';

/** A line of a function's log, as a replica makes it. */
export interface LogLine {
  /** Unix milliseconds. */
  time: number;
  level: LogLevel;
  text: string;
  /** Empty when it belongs to no call. */
  callId: string;
  worker: number;
  /** Where it stands in a line that is shown in parts; missing for a whole one. */
  part?: LinePart;
  /** Number of lines that are missing where this line stands. */
  missing?: number;
}
