/** What a benchmark has started, to be ended in reverse order; and the signal that it has to stop for. */
export class Scope {
  readonly #cleanups: (() => Promise<void>)[] = [];

  constructor(readonly signal: AbortSignal) {}

  /** Runs `cleanup` when the scope ends, before what was deferred earlier. */
  defer(cleanup: () => Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  /** Ends all of it. One failure does not keep the others from ending; the first is thrown in the end. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let cleanup = this.#cleanups.pop(); cleanup !== undefined; cleanup = this.#cleanups.pop()) {
      await cleanup().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Does `work` in a scope of its own, which has ended when this settles. */
export async function withScope<Result>(signal: AbortSignal, work: (scope: Scope) => Promise<Result>): Promise<Result> {
  const scope = new Scope(signal);
  try {
    signal.throwIfAborted();
    return await work(scope);
  } finally {
    await scope.close();
  }
}
