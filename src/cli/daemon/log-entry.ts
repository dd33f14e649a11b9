import type { LogEntry } from '@dcf/sdk/contract';
import { type Colours, outColours } from '../terminal/output.js';

/**
 * Formats an entry: time (UTC), level, origin, call, text. The origin is the replica, the worker and the revision, such as `r1w0@ca5ceb5a`; a
 * line of the platform itself has no replica. The text is shown as the function wrote it.
 */
export function formatEntry({ time, level, text, callId, replica, worker, revision }: LogEntry, colours = outColours): string {
  const process = replica === 0 ? '' : `r${replica}w${worker}`;
  const where = revision === '' ? process : `${process}@${revision.slice(0, 8)}`;
  const place = colours.dim([where === '' ? '-' : where, callId].filter((part) => part !== '').join(' '));
  return `${colours.dim(new Date(time).toISOString())} ${paintLevel(level, colours)} ${place} ${text}`;
}

function paintLevel(level: string, colours: Colours): string {
  const padded = level.padEnd(5);
  if (level === 'error') return colours.red(padded);
  return level === 'warn' ? colours.yellow(padded) : padded;
}
