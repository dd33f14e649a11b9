import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FunctionName } from '../core/names.js';
import type { Blobs } from './blobs/blobs.js';
import { syncPath, writeFileAtomic } from './disk/atomic-file.js';
import type { Layout } from './disk/layout.js';
import { type DamagedFunction, type FunctionRecord, releaseOf } from './model/function-record.js';
import { encodeState } from './state/function-state.js';
import { loadFunctions } from './state/recover.js';

/** The deployed functions, in memory and in the `function.json` of each. */
export class FunctionRecords {
  private readonly whole = new Map<FunctionName, FunctionRecord>();
  private readonly broken = new Map<FunctionName, DamagedFunction>();

  constructor(private readonly layout: Layout) {}

  /** Reads all functions from the disk. A damaged function does not keep the others from being loaded. */
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

  /** Functions that could be loaded, sorted by name. */
  list(): readonly FunctionRecord[] {
    return [...this.whole.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: FunctionName): FunctionRecord | undefined {
    return this.whole.get(name);
  }

  /** Whether a function of this name is on disk, damaged or not. */
  has(name: FunctionName): boolean {
    return this.whole.has(name) || this.broken.has(name);
  }

  /** Writes a function's record in place of the old one. A damaged `function.json` is kept as `function.json.damaged`. */
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

  /** Removes a function's `function.json`: from then on the function is deleted, although its other files are still there. */
  async remove(name: FunctionName): Promise<void> {
    await rm(this.layout.state(name), { force: true });
    await syncPath(this.layout.function(name));
    this.whole.delete(name);
    this.broken.delete(name);
  }
}
