export interface JoinOptions {
  /** Gives up waiting; the task goes on while another waits for it. */
  signal?: AbortSignal | undefined;
  /** Gets each line that the task tells. */
  onOutput: (line: string) => void;
}

/** What a task is given. */
export interface TaskContext {
  /** Aborts when nobody waits any more. */
  signal: AbortSignal;
  /** Tells all who wait. */
  tell: (line: string) => void;
}

export interface SharedTaskOptions {
  /** What tells this task from others that might run in its place, such as where it gets its bytes from. */
  label?: string;
  remembered?: number;
}

/**
 * A task that runs once, however many wait for it, and is aborted when the last of them leaves. It ends at its own pace: whoever leaves
 * last waits until it has cleared up.
 */
export class SharedTask {
  readonly label: string;
  private readonly abort = new AbortController();
  private readonly listeners = new Set<(line: string) => void>();
  private readonly told: string[] = [];
  private readonly done: Promise<void>;
  private over = false;

  /** @param options.remembered - how many of the first lines those who come later get at once; none by default */
  constructor(run: (context: TaskContext) => Promise<void>, { label = '', remembered = 0 }: SharedTaskOptions = {}) {
    this.label = label;
    const tell = (line: string): void => {
      if (this.told.length < remembered) this.told.push(line);
      for (const listener of this.listeners) listener(line);
    };
    // Not at once: whoever begins it can keep it before it ends.
    this.done = Promise.resolve({ signal: this.abort.signal, tell }).then(run);
    const end = (): void => {
      this.over = true;
    };
    this.done.then(end, end);
  }

  /** Whether the last who waited has left: nobody may join any more. */
  get abandoned(): boolean {
    return this.abort.signal.aborted;
  }

  /** Resolves when the task has ended, however it did. */
  async ended(): Promise<void> {
    await this.done.catch(() => undefined);
  }

  /**
   * Waits for the task, which must not be abandoned.
   *
   * @param onGivingUp - makes what is thrown when the signal aborts
   * @throws what the task throws
   */
  async join({ signal, onOutput }: JoinOptions, onGivingUp: () => Error): Promise<void> {
    if (this.abandoned) throw new Error('an abandoned task cannot be joined');
    const listener = (line: string): void => onOutput(line);
    this.told.forEach(listener);
    this.listeners.add(listener);
    let giveUp = (): void => undefined;
    const gaveUp = new Promise<never>((_, reject) => {
      giveUp = () => reject(onGivingUp());
    });
    signal?.addEventListener('abort', giveUp);
    if (signal?.aborted === true) giveUp();
    try {
      await Promise.race([this.done, gaveUp]);
    } finally {
      signal?.removeEventListener('abort', giveUp);
      this.listeners.delete(listener);
      if (this.listeners.size === 0 && !this.over) {
        this.abort.abort();
        await this.ended();
      }
    }
  }
}

/** Shared tasks by key: one at a time for each. */
export class SharedTasks<Key> {
  private readonly running = new Map<Key, SharedTask>();

  /** The task that runs for a key; it may be abandoned. */
  get(key: Key): SharedTask | undefined {
    return this.running.get(key);
  }

  /** Begins the task of a key, for which none runs. */
  begin(key: Key, run: (context: TaskContext) => Promise<void>, options?: SharedTaskOptions): SharedTask {
    if (this.running.has(key)) throw new Error('a task of this key runs already');
    const task = new SharedTask(async (context) => {
      try {
        await run(context);
      } finally {
        // Before its end is known: who tries again then begins a new one.
        this.running.delete(key);
      }
    }, options);
    this.running.set(key, task);
    return task;
  }
}
