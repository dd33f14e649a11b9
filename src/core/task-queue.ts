/** Runs tasks one after the other, in the order in which they came. */
export class TaskQueue {
  private last: Promise<unknown> = Promise.resolve();

  /** The task's own outcome. A task that fails does not hold up the next. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(task);
    this.last = result.catch(() => undefined);
    return result;
  }
}
