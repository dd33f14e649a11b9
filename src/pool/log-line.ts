import type { LogLevel } from '../wire/messages.js';

/** A line of a function's log, as a replica makes it. */
export interface LogLine {
  /** Unix milliseconds. */
  time: number;
  level: LogLevel;
  text: string;
  /** Empty when it belongs to no call. */
  callId: string;
  worker: number;
  /** So many lines are missing where this one stands. */
  missing?: number;
}
