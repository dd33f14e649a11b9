import type { LogEntry } from '@dcf/sdk/contract';
import { type Colours, outColours } from '../terminal/output.js';

/**
 * Time (UTC), level, where it comes from, call, text. The place is replica and worker of a revision, such as `r1w0@ca5ceb5a`; a
 * line of the platform itself has no replica. The text is the function's own and is shown as it is.
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
