/** Runs tasks one after the other, in the order in which they were added. */
export class TaskQueue {
  private last: Promise<unknown> = Promise.resolve();

  /** Adds a task. Settles as the task does. A task that fails does not stop the next one. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(task);
    this.last = result.catch(() => undefined);
    return result;
  }
}
