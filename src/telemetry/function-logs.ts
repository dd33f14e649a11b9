import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DaemonReport } from '@dcf/sdk/contract';
import { DcfError, errorCode, messageOf } from '../core/errors.js';
import { type FunctionName, isFunctionName } from '../core/names.js';
import { CallLog } from './call-log.js';
import { FunctionLog } from './function-log.js';
import type { FunctionLogEntry, LogQuery } from './log-entry.js';
import { LogFiles } from './log-files.js';
import { LogFollower } from './log-follower.js';
import { closeSnapshot, type LogSnapshot, readEntries } from './log-reader.js';

export type { FunctionLogEntry, LogQuery };

export interface FunctionLogsOptions {
  /** Called when entries cannot be written, at most once a minute for each function, with a line for the daemon's own log. */
  onProblem: (message: string) => void;
  /** The most bytes of one file. @default 10 MiB */
  maxFileBytes?: number;
  /** The most files of one function, the current one included. @default 5 */
  maxFiles?: number;
  /** The most bytes of one function's entries that wait to be written. @default 1 MiB */
  maxBufferBytes?: number;
  /** The most characters of the entries that wait for one follower. @default 1 Mi */
  maxFollowLength?: number;
  /** Milliseconds on a clock that only goes forward; replaced in tests. */
  now?: () => number;
}

/** The log of one function, in memory. */
interface Kept {
  log: FunctionLog;
  calls: CallLog;
  /** When lost entries were reported last. */
  reportedAt: number;
}

const reportEveryMs = 60_000;
/** How many logs of functions that are not deployed are kept. */
const maxUndeployed = 20;
const undeployedKeptMs = 7 * 24 * 3_600_000;

/** The logs of the functions, as JSON lines under `<data>/logs/<name>/`, rotated by size. */
export class FunctionLogs {
  /** The logs that have got entries, or are being read. */
  private readonly logs = new Map<FunctionName, Kept>();
  private closed = false;

  private constructor(
    private readonly directory: string,
    private readonly options: FunctionLogsOptions,
  ) {}

  /** @throws DcfError FAILED_PRECONDITION when the folder cannot be made */
  static async open(dataDirectory: string, options: FunctionLogsOptions): Promise<FunctionLogs> {
    const directory = join(dataDirectory, 'logs');
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new DcfError('FAILED_PRECONDITION', `the folder for the functions' logs, ${directory}, cannot be made: ${messageOf(error)}`, {
        cause: error,
      });
    }
    return new FunctionLogs(directory, options);
  }

  /** Takes an entry, which is written a little later. Never throws; drops entries when too many are in memory. */
  append(name: FunctionName, entry: FunctionLogEntry): void {
    if (!this.closed) this.logOf(name).append(entry);
  }

  /**
   * Writes a line for a call that has ended, unless there are too many.
   *
   * @param status - its gRPC status, such as `OK`
   * @param report - makes its report; called before this returns, and only if a line is written
   */
  appendCall(name: FunctionName, status: string, report: () => DaemonReport): void {
    if (!this.closed) this.keptOf(name).calls.append(status, report);
  }

  /** The entries that are wanted, oldest first; none for a function that has no log. */
  async *read(name: FunctionName, query: LogQuery = {}): AsyncGenerator<FunctionLogEntry> {
    try {
      yield* this.readSnapshot(this.logOf(name).snapshot(), query);
    } finally {
      this.forgetUnused(name);
    }
  }

  /**
   * The entries that are wanted, and then new ones as they come, each once and in order, until `signal` aborts. A reader that is too slow
   * misses some, and gets an entry that says how many.
   *
   * @throws DcfError NOT_FOUND when the function is deleted, UNAVAILABLE when the daemon stops
   */
  async *follow(name: FunctionName, query: LogQuery, signal: AbortSignal): AsyncGenerator<FunctionLogEntry> {
    if (signal.aborted) return;
    if (this.closed) throw stopping();
    const log = this.logOf(name);
    const follower = new LogFollower(query, this.options.maxFollowLength ?? 2 ** 20);
    const leave = (): void => {
      log.unfollow(follower);
      follower.abandon();
    };
    signal.addEventListener('abort', leave);
    try {
      for await (const entry of this.readSnapshot(log.snapshot(follower), query)) {
        if (signal.aborted) return;
        yield entry;
      }
      yield* follower.entries();
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
      this.forgetUnused(name);
    }
  }

  /** Whether a function has a log. */
  async has(name: FunctionName): Promise<boolean> {
    const known = this.logs.get(name);
    if (known === undefined) return (await changedAt(this.fileFolder(name))) !== undefined;
    const snapshot = await known.log.snapshot();
    await closeSnapshot(snapshot);
    return snapshot.files.length > 0 || snapshot.lines.length > 0;
  }

  /** Removes a function's log. Its followers end with an error that says so. Returns whether there was a log. */
  async delete(name: FunctionName): Promise<boolean> {
    const had = await this.has(name);
    const { log, calls } = this.keptOf(name);
    calls.forget();
    await log.delete(new DcfError('NOT_FOUND', `the function ${name} was deleted, and its log with it`));
    this.forgetUnused(name);
    return had;
  }

  /**
   * Removes logs of functions that are not deployed, except the 20 newest that are younger than a week. They explain why a first deploy
   * failed, but without a limit anyone who can deploy could fill the disk with them.
   */
  async sweep(isDeployed: (name: FunctionName) => boolean): Promise<void> {
    const names = (await readdir(this.directory)).filter(isFunctionName).filter((name) => !isDeployed(name));
    const found = await Promise.all(names.map(async (name) => ({ name, at: (await changedAt(this.fileFolder(name))) ?? 0 })));
    const newestFirst = found.sort((a, b) => b.at - a.at);
    const old = newestFirst.filter(({ at }, index) => index >= maxUndeployed || at < Date.now() - undeployedKeptMs);
    for (const { name } of old) await this.delete(name);
  }

  /** Writes all entries, and takes no more. */
  async close(): Promise<void> {
    const kept = [...this.logs.values()];
    for (const { calls } of kept) calls.close();
    this.closed = true;
    await Promise.all(kept.map(({ log }) => log.close(stopping())));
  }

  private async *readSnapshot(taken: Promise<LogSnapshot>, query: LogQuery): AsyncGenerator<FunctionLogEntry> {
    const snapshot = await taken;
    try {
      yield* readEntries(snapshot, query);
    } finally {
      await closeSnapshot(snapshot);
    }
  }

  private fileFolder(name: FunctionName): string {
    return join(this.directory, name);
  }

  private logOf(name: FunctionName): FunctionLog {
    return this.keptOf(name).log;
  }

  private keptOf(name: FunctionName): Kept {
    const known = this.logs.get(name);
    if (known !== undefined) return known;
    const { maxFileBytes = 10 * 2 ** 20, maxFiles = 5, maxBufferBytes = 2 ** 20 } = this.options;
    const files = new LogFiles(this.fileFolder(name), { maxFileBytes, maxFiles });
    const log = new FunctionLog({ files, maxBufferBytes, onFailure: (error) => this.report(name, kept, error) });
    const kept: Kept = { reportedAt: Number.NEGATIVE_INFINITY, log, calls: new CallLog((entry) => log.append(entry)) };
    this.logs.set(name, kept);
    return kept;
  }

  /** Forgets a log of which nothing is in memory: callers may name functions without end. */
  private forgetUnused(name: FunctionName): void {
    if (this.logs.get(name)?.log.replaceable === true) this.logs.delete(name);
  }

  private report(name: FunctionName, kept: Kept, error: unknown): void {
    const now = this.options.now?.() ?? performance.now();
    if (now - kept.reportedAt < reportEveryMs) return;
    kept.reportedAt = now;
    this.options.onProblem(`entries of the log of ${name} are lost: ${this.directory} cannot be written: ${messageOf(error)}`);
  }
}

/** When the folder of a log was changed last, in Unix milliseconds; `undefined` when it does not exist. */
async function changedAt(folder: string): Promise<number | undefined> {
  try {
    return (await stat(folder)).mtimeMs;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function stopping(): DcfError {
  return new DcfError('UNAVAILABLE', 'the daemon is stopping');
}
