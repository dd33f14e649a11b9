import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { errorCode } from '../../core/errors.js';
import { type FunctionName, isRevisionId, type RevisionId } from '../../core/names.js';
import { unfinished } from '../disk/atomic-file.js';
import { asRecord, asWhole } from '../disk/json.js';
import { Layout } from '../disk/layout.js';

/** How many calls there were, and how many of them failed. */
export interface CallCount {
  readonly calls: number;
  readonly errors: number;
}

/** The calls of one function since it was deployed first. */
export interface FunctionCounts {
  /** Counts of each revision that is kept. */
  readonly revisions: Readonly<Record<RevisionId, CallCount>>;
  /** Counts of revisions that are not kept any more, together. */
  readonly others: CallCount;
}

const none: FunctionCounts = { revisions: {}, others: { calls: 0, errors: 0 } };

/**
 * Keeps counts of calls beside each function's state, in `calls.json`. They are not synced to the disk: a crash of the host may
 * cost what was counted last. Nothing depends on them, so a file that cannot be read counts as none.
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

  /** Replaces what was kept of a function; one that is not on disk any more is left alone. Throws what the file system throws. */
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
