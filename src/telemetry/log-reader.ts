import { decodeEntry, type FunctionLogEntry, isWanted, type LogQuery } from './log-entry.js';
import type { OpenLogFile } from './log-files.js';
import { linesBackwards, linesForwards } from './log-lines.js';

/** A log at one point in time, oldest lines first. */
export interface LogSnapshot {
  readonly files: readonly OpenLogFile[];
  /** Lines that are not in the files yet. */
  readonly lines: readonly string[];
}

/** The entries that are wanted, oldest first. Damaged lines are skipped. */
export async function* readEntries(snapshot: LogSnapshot, query: LogQuery): AsyncGenerator<FunctionLogEntry> {
  if (query.tail !== undefined) {
    yield* await readNewest(snapshot, query, query.tail);
    return;
  }
  for (const file of snapshot.files) yield* wanted(linesForwards(file), query);
  yield* wanted(snapshot.lines, query);
}

export async function closeSnapshot(snapshot: LogSnapshot): Promise<void> {
  await Promise.all(snapshot.files.map(({ file }) => file.close()));
}

async function readNewest(snapshot: LogSnapshot, query: LogQuery, count: number): Promise<FunctionLogEntry[]> {
  const newestFirst: FunctionLogEntry[] = [];
  if (count === 0) return newestFirst;
  for (const lines of [snapshot.lines.toReversed(), ...snapshot.files.toReversed().map(linesBackwards)]) {
    for await (const entry of wanted(lines, query)) {
      newestFirst.push(entry);
      if (newestFirst.length >= count) return newestFirst.reverse();
    }
  }
  return newestFirst.reverse();
}

async function* wanted(lines: Iterable<string> | AsyncIterable<string>, query: LogQuery): AsyncGenerator<FunctionLogEntry> {
  const callId = query.callId === undefined || query.callId === '' ? '' : JSON.stringify(query.callId);
  for await (const line of lines) {
    // Most lines belong to other calls, and searching them is cheaper than parsing them.
    if (!line.includes(callId)) continue;
    const entry = decodeEntry(line);
    if (entry !== undefined && isWanted(entry, query)) yield entry;
  }
}
