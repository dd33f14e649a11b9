import { DcfError } from '../../core/errors.js';
import type { FunctionName } from '../../core/names.js';

/** Lets one change to a function run at a time. */
export class KeyedMutex {
  private readonly running = new Map<FunctionName, Promise<unknown>>();

  /** @throws DcfError ABORTED while another change runs; nothing of this one has begun then */
  async run<Result>(name: FunctionName, change: () => Promise<Result>): Promise<Result> {
    if (this.running.has(name)) throw new DcfError('ABORTED', `another change of ${name} is under way; try again when it is done`);
    const result = change();
    this.running.set(name, result);
    try {
      return await result;
    } finally {
      this.running.delete(name);
    }
  }

  /** Waits for the change that runs; for what nobody is there to try again. */
  async whenFree<Result>(name: FunctionName, change: () => Promise<Result>): Promise<Result> {
    for (let running = this.running.get(name); running !== undefined; running = this.running.get(name)) {
      await running.catch(() => undefined);
    }
    return this.run(name, change);
  }
}
