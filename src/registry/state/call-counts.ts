import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { errorCode } from '../../core/errors.js';
import { asRecord, asWhole } from '../../core/json.js';
import { type FunctionName, isRevisionId, type RevisionId } from '../../core/names.js';
import { unfinished } from '../disk/atomic-file.js';
import { Layout } from '../disk/layout.js';

/** A number of calls, and how many of them failed. */
export interface CallCount {
  readonly calls: number;
  readonly errors: number;
}

/** The calls of one function since its first deploy. */
export interface FunctionCounts {
  /** The count of each revision that is kept. */
  readonly revisions: Readonly<Record<RevisionId, CallCount>>;
  /** The sum of the counts of revisions that are not kept any more. */
  readonly others: CallCount;
}

const none: FunctionCounts = { revisions: {}, others: { calls: 0, errors: 0 } };

/**
 * Stores the counts of calls in a `calls.json` beside each function's `function.json`. They are not synced to the disk: a crash of the
 * host may lose the latest counts. Nothing depends on them, so a file that cannot be read counts as empty.
 */
export class CallCounts {
  private readonly layout: Layout;

  constructor(dataDirectory: string) {
    this.layout = new Layout(dataDirectory);
  }

  async read(name: FunctionName): Promise<FunctionCounts> {
    try {
      return decodeCounts(await readFile(this.layout.callCounts(name), 'utf8'));
    } catch {
      return none;
    }
  }

  /** Replaces the counts of a function. Does nothing when its folder does not exist any more. Throws other errors of the file system. */
  async write(name: FunctionName, counts: FunctionCounts): Promise<void> {
    const path = this.layout.callCounts(name);
    const temporary = `${path}${unfinished}`;
    try {
      await writeFile(temporary, `${JSON.stringify(counts)}\n`, { mode: 0o600 });
      await rename(temporary, path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      await rm(temporary, { force: true });
      throw error;
    }
  }
}

function decodeCounts(text: string): FunctionCounts {
  const root = asRecord(JSON.parse(text), 'the content');
  const revisions: Record<RevisionId, CallCount> = {};
  for (const [id, count] of Object.entries(asRecord(root['revisions'], 'revisions')))
    if (isRevisionId(id)) revisions[id] = decodeCount(count, id);
  return { revisions, others: decodeCount(root['others'], 'others') };
}

function decodeCount(value: unknown, place: string): CallCount {
  const { calls, errors } = asRecord(value, place);
  return { calls: asWhole(calls, `${place}.calls`), errors: asWhole(errors, `${place}.errors`) };
}
