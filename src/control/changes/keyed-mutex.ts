import { DcfError } from '../../core/errors.js';
import type { FunctionName } from '../../core/names.js';

/** Lets only one change of each function run at a time. */
export class KeyedMutex {
  private readonly running = new Map<FunctionName, Promise<unknown>>();

  /** Runs a change. @throws DcfError ABORTED while another change of the function runs; this one has not begun then */
  async run<Result>(name: FunctionName, change: () => Promise<Result>): Promise<Result> {
    if (this.running.has(name)) throw new DcfError('ABORTED', `another change of ${name} is running; try again when it is done`);
    const result = change();
    this.running.set(name, result);
    try {
      return await result;
    } finally {
      this.running.delete(name);
    }
  }

  /** Waits until no other change of the function runs, and then runs this one; for changes that no user would try again. */
  async whenFree<Result>(name: FunctionName, change: () => Promise<Result>): Promise<Result> {
    for (let running = this.running.get(name); running !== undefined; running = this.running.get(name)) {
      await running.catch(() => undefined);
    }
    return this.run(name, change);
  }
}
