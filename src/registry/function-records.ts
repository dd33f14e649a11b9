import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FunctionName } from '../core/names.js';
import type { Blobs } from './blobs/blobs.js';
import { syncPath, writeFileAtomic } from './disk/atomic-file.js';
import type { Layout } from './disk/layout.js';
import { type DamagedFunction, type FunctionRecord, releaseOf } from './model/function-record.js';
import { encodeState } from './state/function-state.js';
import { loadFunctions } from './state/recover.js';

/** What is deployed, in memory and in the `function.json` of each function. */
export class FunctionRecords {
  private readonly whole = new Map<FunctionName, FunctionRecord>();
  private readonly broken = new Map<FunctionName, DamagedFunction>();

  constructor(private readonly layout: Layout) {}

  /** Reads what is on disk. A function that is damaged stops no other. */
  async load(blobs: Blobs): Promise<void> {
    for (const loaded of await loadFunctions(this.layout, blobs)) {
      if (loaded.kind === 'whole') this.whole.set(loaded.record.name, loaded.record);
      else this.broken.set(loaded.function.name, loaded.function);
    }
  }

  /** Functions that could not be loaded, and why. */
  get damaged(): readonly DamagedFunction[] {
    return [...this.broken.values()];
  }

  /** Functions that could be loaded, by name. */
  list(): readonly FunctionRecord[] {
    return [...this.whole.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: FunctionName): FunctionRecord | undefined {
    return this.whole.get(name);
  }

  /** Whether there is such a function, damaged or not. */
  has(name: FunctionName): boolean {
    return this.whole.has(name) || this.broken.has(name);
  }

  /** Puts a record in the place of what there was of its function. A state that was damaged is kept beside it. */
  async write(record: FunctionRecord): Promise<FunctionRecord> {
    const { name } = record;
    const path = this.layout.state(name);
    if (this.broken.has(name)) await copyFile(path, `${path}.damaged`);
    if (!this.whole.has(name)) {
      await mkdir(dirname(path), { recursive: true });
      await syncPath(this.layout.functions);
    }
    await writeFileAtomic(path, encodeState(name, { ...releaseOf(record), revisions: record.revisions }));
    this.whole.set(name, record);
    this.broken.delete(name);
    return record;
  }

  /** After this the function is gone, whatever is left of its files. */
  async remove(name: FunctionName): Promise<void> {
    await rm(this.layout.state(name), { force: true });
    await syncPath(this.layout.function(name));
    this.whole.delete(name);
    this.broken.delete(name);
  }
}
