import type { LogLevel } from '@dcf/sdk';
import { cutText } from '../core/errors.js';

/** A line of a function's log. */
export interface FunctionLogEntry {
  /** Unix milliseconds. */
  readonly time: number;
  readonly level: LogLevel;
  readonly text: string;
  /** The call's request id; empty when the entry belongs to no call. */
  readonly callId: string;
  readonly replica: number;
  readonly worker: number;
  readonly revision: string;
  /** Number of entries that are missing just before this one; it is not stored in the file. */
  readonly missing?: number;
}

/** Which entries are wanted. A missing value, and an empty id, want all. */
export interface LogQuery {
  /** Unix milliseconds: entries of that time or later. */
  since?: number | undefined;
  callId?: string | undefined;
  /** A revision's id, or its beginning. */
  revision?: string | undefined;
  /** Only the newest entries, at most this many. */
  tail?: number | undefined;
}

const maxTextBytes = 64 * 1024;

/** Makes the line of an entry in its file, without the line break: JSON, with the text cut at 64 KiB. */
export function encodeEntry({ time, level, text, callId, replica, worker, revision }: FunctionLogEntry): string {
  return JSON.stringify({ time, level, text: cutText(text, maxTextBytes), callId, replica, worker, revision });
}

/** Reads a line of a file; `undefined` when it is damaged. */
export function decodeEntry(line: string): FunctionLogEntry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** How many entries are missing when this one is dropped: itself, or those that it stands for. */
export function lossOf({ missing = 1 }: FunctionLogEntry): number {
  return missing;
}

/** Whether an entry is wanted; `tail` is not checked. */
export function isWanted(entry: FunctionLogEntry, { since, callId, revision = '' }: LogQuery): boolean {
  const inTime = since === undefined || entry.time >= since;
  return inTime && (callId === undefined || callId === '' || entry.callId === callId) && entry.revision.startsWith(revision);
}

/** Makes an entry of the log itself, about entries that are missing in it. */
export function notice(text: string): FunctionLogEntry {
  return { time: Date.now(), level: 'warn', text, callId: '', replica: 0, worker: 0, revision: '' };
}

const levels: readonly unknown[] = ['debug', 'info', 'warn', 'error'] satisfies LogLevel[];

function isEntry(value: unknown): value is FunctionLogEntry {
  if (typeof value !== 'object' || value === null) return false;
  const has = (key: keyof FunctionLogEntry, type: 'number' | 'string') => typeof Reflect.get(value, key) === type;
  if (!levels.includes(Reflect.get(value, 'level'))) return false;
  return (
    has('time', 'number') &&
    has('text', 'string') &&
    has('callId', 'string') &&
    has('replica', 'number') &&
    has('worker', 'number') &&
    has('revision', 'string')
  );
}
