/** Runs tasks one after the other, in the order in which they were added. */
export class TaskQueue {
  private last: Promise<unknown> = Promise.resolve();
  private open = 0;

  /** Whether no task runs or waits. */
  get idle(): boolean {
    return this.open === 0;
  }

  /** Adds a task. Settles as the task does. A task that fails does not stop the next one. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    this.open += 1;
    const result = this.last.then(task).finally(() => {
      this.open -= 1;
    });
    this.last = result.catch(() => undefined);
    return result;
  }
}
